package truth

import (
	"fmt"
	"strings"
)

// Row is a posting as the ledger's export has it: a transfer, or a kept record of 0 fen. Rows whose
// ids are of a kind that the city does not send (openings, settlements) are ignored; an authorised
// load must belong to a load that the truth knows.
type Row struct {
	Key    Key
	Fen    int64
	Credit string // code of the credited account; empty for a record of 0 fen
}

// Memo is a record that the ledger kept without posting it.
type Memo struct {
	Topic   string // of the record
	Verdict string // Rejected, Disputed or Unconfirmed
	Reason  string // of a rejection
	Subject string // hexadecimal; with the hash of a whole pension batch it distinguishes the lines
	SHA256  string // of the bytes as they arrived, or of the one line of a batch, hexadecimal
}

// Result counts the differences. Found names the first few.
type Result struct {
	Lost       int // should have posted or been kept, did not
	Doubled    int // posted or kept more than once
	Wrong      int // other verdict, reason, amount or payee
	Unexpected int // the truth knows of no such record
	Purses     int // cards whose purse and shadow balance differ
	Found      []string
	// Positions are the accounts whose credits by records differ, in fen.
	Positions map[string]Position
	Sent      int   // records that the truth knows
	PursesFen int64 // what all cards hold
	// UnbookedFen is what they have paid in taps whose TACs have not come.
	UnbookedFen int64
}

// Position is the amount that the records should have credited to an account, and the amount that
// they did credit.
type Position struct {
	Want int64 `json:"want_fen"`
	Got  int64 `json:"got_fen"`
}

// foundLimit is the number of differences that a result names at most.
const foundLimit = 20

// Agrees reports whether nothing differs.
func (r Result) Agrees() bool {
	return r.Lost+r.Doubled+r.Wrong+r.Unexpected+r.Purses+len(r.Positions) == 0
}

func (r *Result) add(count *int, format string, args ...any) {
	*count++
	if len(r.Found) < foundLimit {
		r.Found = append(r.Found, fmt.Sprintf(format, args...))
	}
}

type expectation struct {
	record  *Record
	purpose string
	fen     int64
	seen    int
}

type memoKey struct{ verdict, sha256, subject string }

type keptness struct {
	record     *Record
	want, seen int
}

type comparison struct {
	rows   map[Key]*expectation
	memos  map[memoKey]*keptness
	loads  map[Key]bool // authorised by a load that was sent
	orders []Key        // keys of rows in the order of the truth, so that findings come in that order
	kept   []memoKey
	result Result
}

func newComparison() *comparison {
	return &comparison{rows: map[Key]*expectation{}, memos: map[memoKey]*keptness{}, loads: map[Key]bool{}}
}

// orderDay is the day under which the ledger keeps authorised loads: it is not a real date, since a
// card uses each online sequence only once.
const orderDay = 19000101

func (c *comparison) expect(r *Record) {
	if r.Purpose == Load && len(r.ID) > 2 {
		c.loads[Key{orderDay, r.Subject, idLoadAuthorised + r.ID[2:]}] = true
	}
	switch r.Verdict {
	case Cleared, Suspended, Pending:
		c.expectRow(r.Key(), r, r.Purpose, r.Fen)
		if r.Also != nil {
			c.expectRow(Key{r.Day, r.Subject, r.Also.ID}, r, r.Also.Purpose, r.Also.Fen)
		}
	case Rejected, Disputed, Unconfirmed:
		k := keyOfMemo(r.Verdict, r.SHA256, r.Subject, r.Line != "")
		if c.memos[k] == nil {
			c.memos[k] = &keptness{record: r}
			c.kept = append(c.kept, k)
			if r.Line != "" {
				c.memos[keyOfMemo(r.Verdict, r.Line, "", false)] = c.memos[k]
			}
		}
		c.memos[k].want++
	}
}

func (c *comparison) expectRow(k Key, r *Record, purpose string, fen int64) {
	c.rows[k] = &expectation{record: r, purpose: purpose, fen: fen}
	c.orders = append(c.orders, k)
}

func keyOfMemo(verdict, sha256, subject string, line bool) memoKey {
	if !line {
		subject = ""
	}
	return memoKey{verdict, strings.ToLower(sha256), strings.ToLower(subject)}
}

func (c *comparison) row(row Row) {
	k := Key{row.Key.Day, strings.ToLower(row.Key.Subject), strings.ToLower(row.Key.ID)}
	if len(k.ID) < 2 {
		c.result.add(&c.result.Unexpected, "unexpected row %s of %d fen", k, row.Fen)
		return
	}
	switch k.ID[:2] {
	case idSpend, idLoadWritten, idMedical, idPension, idPensionReturn:
	case idLoadAuthorised:
		if !c.loads[k] {
			c.result.add(&c.result.Unexpected, "authorised load %s of %d fen belongs to no load", k, row.Fen)
		}
		return
	default:
		return
	}
	e := c.rows[k]
	if e == nil {
		c.result.add(&c.result.Unexpected, "unexpected row %s of %d fen", k, row.Fen)
		return
	}
	e.seen++
	switch {
	case e.seen > 1:
		c.result.add(&c.result.Doubled, "doubled: %s %s posted %d times", e.purpose, k, e.seen)
	case row.Fen != e.fen:
		c.result.add(&c.result.Wrong, "wrong: %s %s posted %d fen, want %d", e.purpose, k, row.Fen, e.fen)
	case row.Fen > 0 && row.Credit != e.record.Payee:
		c.result.add(&c.result.Wrong, "wrong: %s %s credited to %q, want %q (%s %s)", e.purpose, k, row.Credit, e.record.Payee, e.record.Verdict, e.record.Reason)
	}
}

func (c *comparison) memo(m Memo) {
	k := keyOfMemo(m.Verdict, m.SHA256, m.Subject, true)
	kept := c.memos[k]
	if kept == nil {
		k.subject = ""
		kept = c.memos[k]
	}
	if kept == nil {
		c.result.add(&c.result.Unexpected, "unexpected: %s %s of record sha256 %s", m.Verdict, m.Reason, m.SHA256)
		return
	}
	kept.seen++
	if m.Verdict == Rejected && m.Reason != kept.record.Reason {
		c.result.add(&c.result.Wrong, "wrong: %s record sha256 %s rejected as %s, want %s", kept.record.Purpose, m.SHA256, m.Reason, kept.record.Reason)
	}
	if kept.seen > kept.want {
		c.result.add(&c.result.Doubled, "doubled: %s of record sha256 %s kept %d times, want %d", m.Verdict, m.SHA256, kept.seen, kept.want)
	}
}

func (c *comparison) missing() {
	for _, k := range c.orders {
		if e := c.rows[k]; e.seen == 0 {
			e.seen = -1 // named once
			c.result.add(&c.result.Lost, "lost: %s %s of %d fen (%s %s)", e.purpose, k, e.fen, e.record.Verdict, e.record.Reason)
		}
	}
	for _, k := range c.kept {
		if m := c.memos[k]; m.seen < m.want {
			c.result.add(&c.result.Lost, "lost: %s %s record sha256 %s kept %d times, want %d", m.record.Verdict, m.record.Reason, k.sha256, m.seen, m.want)
		}
	}
}

// PurseMismatch is a card whose shadow balance is not what it holds and what it has paid in taps
// without a TAC.
type PurseMismatch struct {
	Card                   string
	Purse, Unbooked, Books int64 // fen
}

// ComparePurses compares the cards' balances with the shadow balances of the ledger (credits less
// debits of the float, by card).
func ComparePurses(purses []Purse, shadow map[string]int64) []PurseMismatch {
	var found []PurseMismatch
	for _, p := range purses {
		if books := shadow[p.Card]; books != p.Fen+p.Unbooked {
			found = append(found, PurseMismatch{Card: p.Card, Purse: p.Fen, Unbooked: p.Unbooked, Books: books})
		}
	}
	return found
}
