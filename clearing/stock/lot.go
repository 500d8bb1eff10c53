package stock

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
)

// Kind is a kind of piece.
type Kind string

// The kinds.
const (
	Card Kind = "card"
	SAM  Kind = "sam"
)

// Known reports whether there is such a kind.
func (k Kind) Known() bool { return k == Card || k == SAM }

// State is what became of a piece.
type State string

// The states.
const (
	InStock State = "in_stock"
	Spoilt  State = "spoilt"
	Issued  State = "issued" // it is a card now
)

// MaxSerial is the largest serial: 18 digits. Zeros before a serial do not count.
const MaxSerial = 999_999_999_999_999_999

// Range are successive serials.
type Range struct {
	First int64 `json:"first" minimum:"1" maximum:"999999999999999999"`
	Last  int64 `json:"last" minimum:"1" maximum:"999999999999999999"`
}

// Pieces is how many there are.
func (r Range) Pieces() int64 { return r.Last - r.First + 1 }

// String is FIRST-LAST, or the serial alone of one.
func (r Range) String() string {
	if r.First == r.Last {
		return strconv.FormatInt(r.First, 10)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

func (r Range) valid() bool { return 0 < r.First && r.First <= r.Last && r.Last <= MaxSerial }

// ParseSerial reads a serial.
func ParseSerial(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 || n > MaxSerial || text[0] == '+' {
		return 0, language.Textf("serial %.40q: want 1 to 18 digits, not all of them zeros", text)
	}
	return int64(n), nil
}

// ParseRange reads FIRST-LAST, or one serial.
func ParseRange(text string) (r Range, err error) {
	first, last, two := strings.Cut(text, "-")
	if r.First, err = ParseSerial(strings.TrimSpace(first)); err != nil {
		return r, err
	}
	if r.Last = r.First; two {
		if r.Last, err = ParseSerial(strings.TrimSpace(last)); err != nil {
			return r, err
		}
	}
	if !r.valid() {
		return r, language.Textf("serials %.80q: want the smaller one first", text)
	}
	return r, nil
}

// Merged are the same serials in order, in as few ranges as there can be. A serial that is there
// twice is refused.
func Merged(ranges []Range) ([]Range, error) {
	ranges = slices.SortedFunc(slices.Values(ranges), func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	var out []Range
	for _, r := range ranges {
		last := len(out) - 1
		switch {
		case !r.valid():
			return nil, language.Textf("serials %s: want the smaller one first", r.String())
		case last >= 0 && r.First <= out[last].Last:
			return nil, language.Textf("serial %d is there twice", r.First)
		case last >= 0 && r.First == out[last].Last+1:
			out[last].Last = r.Last
		default:
			out = append(out, r)
		}
	}
	return out, nil
}

// Pieces is how many there are in all ranges.
func Pieces(ranges []Range) (n int64) {
	for _, r := range ranges {
		n += r.Pieces()
	}
	return n
}

// Lot are pieces with successive serials that are alike.
type Lot struct {
	Range
	Product string
	Store   people.Unit
	State   State
}

// alike reports whether pieces differ by their serials alone.
func (l *Lot) alike(o *Lot) bool {
	return l.Product == o.Product && l.Store == o.Store && l.State == o.State
}

// refused says why something is not done with pieces.
func refused(text, todo *language.Text) error { return &proposal.Refusal{Text: text, Todo: todo} }

func look() *language.Text { return language.Textf("citycard stock show --ranges has what lies where") }

// Apply has an act change lots: those of its kind that have one of its serials or the one before or
// behind, in order. The lots that take their place are in order, too.
func Apply(lots []Lot, r *Record) ([]Lot, error) {
	if r.Do == Receive {
		for _, l := range lots {
			if l.First <= r.Last && r.First <= l.Last {
				return nil, refused(language.Textf("serials %s of %s are in the books already: %s, %s", l.String(), string(r.Kind), string(l.Store), string(l.State)), look())
			}
		}
		return merged(append(slices.Clone(lots), Lot{r.Range, r.Product, r.To, InStock})), nil
	}
	to, state := r.From, InStock
	switch r.Do {
	case Move:
		to = r.To
	case Spoil:
		state = Spoilt
	case Issue:
		state = Issued
	case Receive, Count:
		return lots, nil
	}
	var out []Lot
	next := r.First // of the act's serials
	for _, l := range lots {
		if l.Last < r.First || l.First > r.Last {
			out = append(out, l)
			continue
		}
		part := Range{max(l.First, r.First), min(l.Last, r.Last)}
		switch {
		case part.First != next:
			return nil, missing(r, Range{next, part.First - 1})
		case l.State != InStock || l.Store != r.From:
			return nil, refused(language.Textf("serials %s of %s do not lie in the store of %s: %s, %s", part.String(), string(r.Kind), string(r.From), string(l.Store), string(l.State)), look())
		case r.Do == Issue && l.Product != r.Product:
			return nil, refused(language.Textf("serial %s is to be sold as %s, not as %s", part.String(), l.Product, r.Product), look())
		}
		next = part.Last + 1
		left, right := l, l
		if left.Last = part.First - 1; left.First <= left.Last {
			out = append(out, left)
		}
		out = append(out, Lot{part, l.Product, to, state})
		if right.First = part.Last + 1; right.First <= right.Last {
			out = append(out, right)
		}
	}
	if next <= r.Last {
		return nil, missing(r, Range{next, r.Last})
	}
	return merged(out), nil
}

func missing(r *Record, of Range) error {
	return refused(language.Textf("serials %s of %s were never received", of.String(), string(r.Kind)), look())
}

// merged brings lots in order, and makes one of those that touch and are alike.
func merged(lots []Lot) (out []Lot) {
	slices.SortFunc(lots, func(a, b Lot) int { return cmp.Compare(a.First, b.First) })
	for _, l := range lots {
		if last := len(out) - 1; last >= 0 && out[last].Last+1 == l.First && out[last].alike(&l) {
			out[last].Last = l.Last
			continue
		}
		out = append(out, l)
	}
	return out
}
