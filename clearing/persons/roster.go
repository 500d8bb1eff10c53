package persons

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"hash"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"

	"citycard/language"
	"citycard/ledger"
)

// Charset is in what a roster's characters are written.
type Charset string

// The charsets. A roster never tells its own, and most bytes of one are text in the other; so the
// person who imports it says which it is.
const (
	UTF8    Charset = "utf-8"
	GB18030 Charset = "gb18030" // GBK and GB 2312 are parts of it
)

// ParseCharset reads the name of a charset.
func ParseCharset(name string) (Charset, error) {
	switch c := Charset(strings.ToLower(name)); c {
	case UTF8, GB18030:
		return c, nil
	}
	return "", language.Textf("encoding %q: want %s or %s", name, UTF8, GB18030)
}

// Header is the first line of a roster.
const Header = "certificate,number,name,birth,status,since,former_name"

func columns() []string { return strings.Split(Header, ",") }

// The places of the columns.
const (
	columnKind = iota
	columnNumber
	columnName
	columnBirth
	columnStatus
	columnSince
	columnFormer
)

// maxLine is how many bytes a line may have.
const maxLine = 2048

// Status is how a person stands to the city.
type Status int16

// The statuses, as they are stored.
const (
	Present Status = iota + 1
	Moved          // away
	Died
)

// restored is the word of a roster for a person whose death was recorded by mistake: present.
const restored = "restored"

func statusNames() []string { return []string{"", "present", "moved", "died"} }

// String is the status as rosters write it.
func (s Status) String() string {
	if s < Present || s > Died {
		return "unknown"
	}
	return statusNames()[s]
}

// Token stands for a person.
type Token [16]byte

// row is a line of a roster.
type row struct {
	line   int64
	raw    []byte // its first bytes, as they came
	token  Token
	valid  bool // the certificate's number is, so there is a token
	column string
	wrong  *Wrong // nil if nothing is

	certificate Certificate
	name        string // empty where it is wrong
	former      string
	born        ledger.Day // 0 for none
	status      Status
	restored    bool
	since       ledger.Day
}

// refuse names what is wrong with a column; the first one counts.
func (r *row) refuse(column int, wrong *Wrong) {
	if wrong != nil && r.wrong == nil {
		r.column, r.wrong = columns()[column], wrong
	}
}

// roster reads a roster line by line, in bounded memory.
type roster struct {
	charset Charset
	token   func(number string) [16]byte
	today   ledger.Day // the last day that may stand in it

	lines   *bufio.Reader
	sum     hash.Hash // over all bytes up to the line that was read last
	size    int64     // of these bytes
	decoder *encoding.Decoder
	number  int64 // of the line that was read last
	long    bool  // it was cut
	cut     bool  // it had no end
	line    feeder
	fields  *csv.Reader
}

func newRoster(r io.Reader, charset Charset, token func(string) [16]byte, today ledger.Day) *roster {
	t := &roster{charset: charset, token: token, today: today, lines: bufio.NewReaderSize(r, 1<<16), sum: sha256.New()}
	if charset == GB18030 {
		t.decoder = simplifiedchinese.GB18030.NewDecoder()
	}
	t.fields = csv.NewReader(&t.line)
	t.fields.FieldsPerRecord = -1
	t.fields.ReuseRecord = true
	return t
}

// feeder gives a CSV reader one line, and then no more: so no field goes over the end of a line.
type feeder struct{ rest []byte }

func (f *feeder) Read(p []byte) (int, error) {
	if len(f.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// next reads the next line, without its end; a longer one than maxLine is cut to that. The bytes
// hold until the next call. The error is io.EOF at the end.
func (t *roster) next() ([]byte, error) {
	t.long, t.cut = false, false
	line, err := t.slice()
	t.number++
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > maxLine+2 {
		line = bytes.Clone(line[:maxLine])
		t.long = true
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = t.slice()
		}
	}
	if err != nil && !(errors.Is(err, io.EOF) && len(line) > 0) {
		return nil, err
	}
	t.cut = err != nil
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if t.number == 1 {
		line = bytes.TrimPrefix(line, []byte("\uFEFF"))
	}
	if len(line) > maxLine {
		line, t.long = line[:maxLine], true
	}
	return line, nil
}

// slice reads up to the end of a line, or of the buffer.
func (t *roster) slice() ([]byte, error) {
	read, err := t.lines.ReadSlice('\n')
	_, _ = t.sum.Write(read) // it never fails
	t.size += int64(len(read))
	return read, err
}

func (t *roster) hash() [sha256.Size]byte { return [sha256.Size]byte(t.sum.Sum(nil)) }

// row reads what stands in a line.
func (t *roster) row(line []byte) *row {
	r := &row{line: t.number, raw: line}
	if t.long {
		r.refuse(columnKind, &Wrong{Reason: LineLong})
		return r
	}
	if t.decoder != nil {
		decoded, err := t.decoder.Bytes(line)
		if err != nil {
			r.refuse(columnKind, &Wrong{Reason: Encoding})
			return r
		}
		line = decoded
	}
	t.line.rest = append(bytes.Clone(line), '\n')
	fields, err := t.fields.Read()
	if err != nil || len(fields) != len(columns()) || len(t.line.rest) > 0 {
		t.line.rest = nil
		r.refuse(columnKind, &Wrong{Reason: LineShape})
		return r
	}
	t.fill(r, fields)
	return r
}

func (t *roster) fill(r *row, fields []string) {
	kind, wrong := parseKind(strings.TrimSpace(fields[columnKind]))
	r.refuse(columnKind, wrong)
	certificate, wrong := ParseCertificate(fields[columnNumber])
	if wrong == nil && kind != 0 && kind != certificate.Kind {
		wrong = &Wrong{Reason: KindOther}
	}
	if wrong == nil && certificate.Born() > t.today {
		wrong = &Wrong{Reason: DayToCome}
	}
	r.refuse(columnNumber, wrong)
	if r.valid = wrong == nil && kind != 0; r.valid {
		r.certificate, r.token = certificate, t.token(certificate.Number)
	}
	r.name, wrong = parseName(fields[columnName])
	r.refuse(columnName, wrong)
	t.dates(r, fields)
	if strings.TrimSpace(fields[columnFormer]) != "" {
		r.former, wrong = parseName(fields[columnFormer])
		r.refuse(columnFormer, wrong)
	}
}

// dates reads the birth date, and the status with its day.
func (t *roster) dates(r *row, fields []string) {
	var wrong *Wrong
	if text := strings.TrimSpace(fields[columnBirth]); text != "" {
		r.born, wrong = t.day(text)
		if wrong == nil && r.certificate.Born() != 0 && r.certificate.Born() != r.born {
			wrong = &Wrong{Reason: TwoBirths}
		}
		r.refuse(columnBirth, wrong)
	}
	r.status, r.restored, wrong = parseStatus(strings.TrimSpace(fields[columnStatus]))
	r.refuse(columnStatus, wrong)
	r.since, wrong = t.day(strings.TrimSpace(fields[columnSince]))
	r.refuse(columnSince, wrong)
}

func (t *roster) day(text string) (ledger.Day, *Wrong) {
	day, err := ledger.ParseDay(text)
	switch {
	case err != nil:
		return 0, &Wrong{Reason: NotADay}
	case day > t.today:
		return 0, &Wrong{Reason: DayToCome}
	}
	return day, nil
}

func parseStatus(text string) (s Status, back bool, wrong *Wrong) {
	if text == restored {
		return Present, true, nil
	}
	for s, name := range statusNames() {
		if name == text && name != "" {
			return Status(s), false, nil
		}
	}
	return 0, false, &Wrong{Reason: StatusUnknown}
}

// content is a short hash over what a row says, however it is spelt, and a salt.
func (r *row) content(salt []byte) (short [8]byte) {
	text := strings.Join([]string{
		string(salt),
		nameForm(r.name), nameForm(r.former), r.born.String(), r.status.String(), r.since.String(), map[bool]string{true: restored}[r.restored],
	}, "\x00")
	sum := sha256.Sum256([]byte(text))
	return [8]byte(sum[:8])
}
