package truth

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// parts is how many pieces a comparison is cut into. Of 10 million records a piece
// holds some 40,000, about 40 MB while it is compared.
const parts = 256

// Comparison compares the books with the truth in limited memory. Both are cut into pieces so that
// all items that can match are in the same piece: rows by subject, kept records by the hash of
// their bytes. Small pieces stay in memory, the others are kept in files. It is not safe for
// concurrent use.
//
// Piece 0 also takes kept requests (medical, pension), since the books may identify a line of a
// batch by either of two hashes. There are few of them.
type Comparison struct {
	dir       string // for the files; made when first needed
	expected  [parts]spill
	observed  [parts]spill
	positions map[string]Position
	result    Result
}

// NewComparison keeps its files in dir, which must not exist and is removed by
// Close.
func NewComparison(dir string) *Comparison {
	c := &Comparison{dir: dir, positions: map[string]Position{}}
	for i := range parts {
		c.expected[i].path = filepath.Join(dir, fmt.Sprintf("expected-%03d", i))
		c.observed[i].path = filepath.Join(dir, fmt.Sprintf("observed-%03d", i))
	}
	return c
}

// Close removes the files.
func (c *Comparison) Close() error { return os.RemoveAll(c.dir) }

// piece returns the piece for an item that a hexadecimal text identifies, by FNV-1a.
func piece(text string) int {
	h := uint32(2166136261)
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint32(c)) * 16777619
	}
	return int(h^h>>16) & (parts - 1)
}

// keptPiece is where a record that did not post belongs.
func keptPiece(topic, sha256 string) int {
	if topic == "taps" || topic == "taps.unconfirmed" || topic == "loads" {
		return piece(sha256)
	}
	return 0
}

// Expect takes a record that was sent.
func (c *Comparison) Expect(r *Record) error {
	c.result.Sent++
	switch {
	case r.Posts():
		if r.Payee != "" {
			c.position(r.Payee, Position{Want: r.Fen})
			if r.Also != nil {
				c.position(r.Payee, Position{Want: r.Also.Fen})
			}
		}
	case r.Verdict == Rejected || r.Verdict == Disputed || r.Verdict == Unconfirmed:
		return c.put(&c.expected[keptPiece(r.Topic, r.SHA256)], func(e *encoder) { e.record(r) })
	case r.Purpose != Load: // a load's order is expected even if the load came twice
		return nil
	}
	return c.put(&c.expected[piece(r.Subject)], func(e *encoder) { e.record(r) })
}

func (c *Comparison) position(account string, p Position) {
	old := c.positions[account]
	c.positions[account] = Position{old.Want + p.Want, old.Got + p.Got}
}

// Purse takes what a card holds.
func (c *Comparison) Purse(p *Purse) error {
	c.result.PursesFen += p.Fen
	c.result.UnbookedFen += p.Unbooked
	return c.put(&c.expected[piece(p.Card)], func(e *encoder) { e.purse(p) })
}

// Row takes a posting of the books, all but their openings and settlements.
func (c *Comparison) Row(row Row) error {
	return c.put(&c.observed[piece(row.Key.Subject)], func(e *encoder) { e.row(&row) })
}

// Memo takes a record that the books keep without posting it.
func (c *Comparison) Memo(m Memo) error {
	return c.put(&c.observed[keptPiece(m.Topic, m.SHA256)], func(e *encoder) { e.memo(&m) })
}

// Shadow takes what the books say a card holds.
func (c *Comparison) Shadow(card string, fen int64) error {
	return c.put(&c.observed[piece(card)], func(e *encoder) { e.purse(&Purse{Card: card, Fen: fen}) })
}

func (c *Comparison) put(s *spill, write func(*encoder)) error {
	if len(s.buffered.b) > spillBytes {
		if err := os.MkdirAll(c.dir, 0o700); err != nil {
			return fmt.Errorf("truth: comparison: %w", err)
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
	write(&s.buffered)
	return nil
}

// Result compares. It may be asked once, after everything was put in.
func (c *Comparison) Result() (Result, error) {
	for i := range parts {
		if err := c.compare(i); err != nil {
			return c.result, err
		}
	}
	for account, p := range c.positions {
		if p.Want == p.Got {
			delete(c.positions, account)
		}
	}
	c.result.Positions = c.positions
	return c.result, nil
}

// compare compares one piece.
func (c *Comparison) compare(i int) error {
	one := newComparison()
	purses, shadows := []Purse{}, map[string]int64{}
	err := c.expected[i].each(func(d *decoder) {
		switch d.kind() {
		case kindRecord:
			r := d.record()
			one.expect(&r)
		default:
			purses = append(purses, d.purse())
		}
	})
	err = errors.Join(err, c.observed[i].each(func(d *decoder) {
		switch d.kind() {
		case kindRow:
			row := d.row()
			one.row(row)
			if row.Fen > 0 && counted(row.Key.ID) {
				c.position(row.Credit, Position{Got: row.Fen})
			}
		case kindMemo:
			one.memo(d.memo())
		default:
			p := d.purse()
			shadows[p.Card] = p.Fen
		}
	}))
	if err != nil {
		return err
	}
	one.missing()
	c.result.merge(&one.result)
	c.purses(purses, shadows)
	return nil
}

// counted reports whether rows of an id's kind are records that were sent.
func counted(id string) bool {
	return len(id) > 1 && strings.Contains(idSpend+" "+idLoadWritten+" "+idMedical+" "+idPension+" "+idPensionReturn, id[:2])
}

// purses compares the cards of one piece; for any other card the books must hold nothing.
func (c *Comparison) purses(purses []Purse, shadows map[string]int64) {
	for _, m := range ComparePurses(purses, shadows) {
		c.result.add(&c.result.Purses, "card %s holds %d fen, the books say %d, of which it has paid %d without a TAC", m.Card, m.Purse, m.Books, m.Unbooked)
	}
	for _, p := range purses {
		delete(shadows, p.Card)
	}
	for _, card := range slices.Sorted(maps.Keys(shadows)) {
		if fen := shadows[card]; fen != 0 {
			c.result.add(&c.result.Purses, "card %s is not in the truth, the books say that it holds %d fen", card, fen)
		}
	}
}

func (r *Result) merge(o *Result) {
	r.Lost, r.Doubled, r.Wrong, r.Unexpected = r.Lost+o.Lost, r.Doubled+o.Doubled, r.Wrong+o.Wrong, r.Unexpected+o.Unexpected
	r.Found = append(r.Found, o.Found[:min(len(o.Found), foundLimit-len(r.Found))]...)
}
