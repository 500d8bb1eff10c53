package counter

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"citycard/language"
)

// States of a card in a job's report.
const (
	Begun  = "begun"  // a card is being written
	Made   = "issued" // the card is made, and was read back
	Spoilt = "spoilt" // a card was written in part and takes no more: it is put aside
	Other  = "other"  // a card that is no blank: it was not changed
)

// Entry is a line of the report of a job. The report is what a later run goes on from, and what
// stock and the registry follow.
type Entry struct {
	Line   int       `json:"line"`   // of the job
	Number string    `json:"number"` // of the card to be made
	State  string    `json:"state"`
	Time   time.Time `json:"time"`
	Serial int64     `json:"serial,omitempty"` // of the blank; 0: it is in no stock
	ATR    string    `json:"atr,omitempty"`
	Issued *Issued   `json:"issued,omitempty"`
	// Of a transit card that was made, as its order has them.
	CardType byte   `json:"card_type,omitempty"`
	Start    string `json:"start,omitempty"`
	Expiry   string `json:"expiry,omitempty"`
	Error    string `json:"error,omitempty"`
}

// Done notes that the card of an order was made.
func (e *Entry) Done(o *JobOrder, issued Issued) {
	e.State, e.Issued = Made, &issued
	if o.Kind == Transit {
		e.CardType, e.Start, e.Expiry = o.Transit.CardType, o.Transit.Start, o.Transit.Expiry
	}
}

// ReadReport passes on the lines of a report, and says how many bytes of it are whole: a line that
// a crash has cut short is not there.
func ReadReport(content []byte, each func(line int, e *Entry) error) (whole int, err error) {
	whole = bytes.LastIndexByte(content, '\n') + 1
	lines := bufio.NewScanner(bytes.NewReader(content[:whole]))
	for n := 1; lines.Scan(); n++ {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return whole, language.Textf("line %d: %w", n, err)
		}
		if err := each(n, &e); err != nil {
			return whole, err
		}
	}
	return whole, lines.Err()
}

// maxSerial is the largest serial of a blank: 18 digits.
const maxSerial = 999_999_999_999_999_999

// ParseSerial reads the serial that a supplier gave a blank. Zeros before it do not count.
func ParseSerial(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 || n > maxSerial || text[0] == '+' {
		return 0, language.Textf("serial %.40q: want 1 to 18 digits, not all of them zeros", text)
	}
	return int64(n), nil
}
