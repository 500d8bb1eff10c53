package plan

import "citycard/simulators/truth"

// Odd is the set of faults that a tap has besides those of its card.
type Odd uint8

// What may be odd.
const (
	Stray      Odd = 1 << iota // at a SAM that is in no registry
	Slow                       // at a clock that is SlowDays behind
	Late                       // of yesterday
	Held                       // sent out of order
	CounterGap                 // one of the card's records was lost before
	SAMGap                     // one of the SAM's
)

// SlowDays is how far the wrong clock is behind.
const SlowDays = 400

// Facts returns the registry's reasons against a tap of the i-th card on a day, YYYYMMDD, at a
// second of that day.
func (c *City) Facts(i int, k *Card, day, second int, o Odd) truth.Facts {
	f := o.facts()
	f.UnknownCard, f.Expired, f.Blocked = k.Fate == Unregistered, k.Fate == Expired && day > c.LastDay(), k.Fate == Blocked
	f.Listed = k.Fate == Listed && (day > c.Day || day == c.Day && second >= ListedSecond(i))
	return f
}

// VisitorFacts returns the registry's reasons against a tap of the i-th card of other cities.
func VisitorFacts(i int, o Odd) truth.Facts {
	f := o.facts()
	f.Foreign, f.NotAccepted = true, VisitorOf(i) != VisitorIssuer()
	return f
}

func (o Odd) facts() truth.Facts {
	return truth.Facts{UnknownTerminal: o&Stray != 0, ImplausibleDate: o&Slow != 0}
}

// Fault names the fault of a tap, the gravest one if it has several, or "" if it has none.
func Fault(f *truth.Facts, o Odd) string {
	for _, wrong := range []struct {
		so   bool
		name string
	}{
		{f.NotAccepted, "issuer_not_accepted"},
		{f.AbovePurse, "above_purse"},
		{f.UnknownCard, "unknown_card"},
		{f.Expired, "card_expired"},
		{f.Blocked, "card_blocked"},
		{f.Listed, "card_listed"},
		{f.UnknownTerminal, "unknown_terminal"},
		{f.ImplausibleDate, "wrong_clock"},
		{o&CounterGap != 0, "counter_gap"},
		{o&SAMGap != 0, "sam_gap"},
		{o&Late != 0, "late"},
		{o&Held != 0, "out_of_order"},
		{f.Foreign, "foreign"},
	} {
		if wrong.so {
			return wrong.name
		}
	}
	return ""
}
