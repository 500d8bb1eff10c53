package index

import (
	"cmp"
	"iter"

	"citycard/cardos/keys"
	"citycard/language"
	"citycard/ledger"
)

// ListBounds say how far a published list may move at once. A list of no more than Few cards, and a
// change of no more, is always within them. Shares are in percent.
type ListBounds struct {
	Few    uint32
	Grow   uint32 // cards that come, of those that were named before
	Shrink uint32 // cards that go, of the same
	Share  uint32 // cards that are named, of all registered cards
	Span
}

// DefaultBounds hold where the registry has no row. They are the program's own, and no city's.
func DefaultBounds() ListBounds { return ListBounds{Few: 1000, Grow: 20, Shrink: 20, Share: 5} }

// HotlistID is the key of the hotlist's bounds.
const HotlistID = "hotlist"

// ListStep is what a new hotlist names, beside the one before it.
type ListStep struct {
	Before int64 `json:"before"` // cards that the one before names
	Named  int64 `json:"named"`  // cards that this one names
	Added  int64 `json:"added"`  // cards that only this one names
	Gone   int64 `json:"gone"`   // cards that only the one before names
	Cards  int64 `json:"cards"`  // registered cards
}

// Check says how a step is outside the bounds; nil if it is within them. The first list of all has
// none before it, so only its share is checked.
func (b *ListBounds) Check(s ListStep, first bool) *language.Text {
	switch {
	case s.Named > b.MostNamed(s.Cards):
		return language.Textf("it names %d cards; %d percent of %d registered cards are the bound", s.Named, b.Share, s.Cards)
	case !first && s.Added > b.most(b.Grow, s.Before):
		return language.Textf("it names %d more cards; %d percent of the %d before are the bound", s.Added, b.Grow, s.Before)
	case !first && s.Gone > b.most(b.Shrink, s.Before):
		return language.Textf("it names %d cards no more; %d percent of the %d before are the bound", s.Gone, b.Shrink, s.Before)
	}
	return nil
}

// MostNamed is how many cards a list may name where so many are registered.
func (b *ListBounds) MostNamed(cards int64) int64 { return b.most(b.Share, cards) }

func (b *ListBounds) most(percent uint32, of int64) int64 {
	return max(int64(b.Few), of*int64(percent)/100)
}

// HotlistBounds are the bounds of the hotlist on a day.
func (e *Edition) HotlistBounds(day ledger.Day) ListBounds {
	if b, ok := inForce(&e.rows.ListBounds, HotlistID, day); ok {
		return b
	}
	return DefaultBounds()
}

// HotlistStep compares the hotlist with that of an edition before. A card is named if it is listed
// at a moment or will be after it. Registered cards are not counted.
func (e *Edition) HotlistStep(before *Edition, at Moment) (s ListStep) {
	was, stop := iter.Pull(before.rows.Hotlist.named(at))
	defer stop()
	old, more := was()
	for card := range e.rows.Hotlist.named(at) {
		for more && compareDigits(old, card) < 0 {
			s.Before, s.Gone = s.Before+1, s.Gone+1
			old, more = was()
		}
		if s.Named++; more && old == card {
			s.Before++
			old, more = was()
		} else {
			s.Added++
		}
	}
	for ; more; _, more = was() {
		s.Before, s.Gone = s.Before+1, s.Gone+1
	}
	return s
}

func compareDigits(a, b keys.Digits) int { return cmp.Compare(value(&a), value(&b)) }

// named are the cards that are listed at a moment or after it, in order.
func (t *Hotlist) named(at Moment) iter.Seq[keys.Digits] {
	return func(yield func(keys.Digits) bool) {
		for i := 0; i < len(t.rows); {
			card, named := t.rows[i].digits, false
			for ; i < len(t.rows) && t.rows[i].digits == card; i++ {
				// A row that has begun counts until the next one begins.
				replaced := i+1 < len(t.rows) && t.rows[i+1].digits == card && t.rows[i+1].from <= at
				named = named || t.rows[i].to >= at && !replaced
			}
			if named && !yield(card) {
				return
			}
		}
	}
}
