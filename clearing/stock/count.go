package stock

import "slices"

// mostDifferent is how many missing ranges an act has, and how many that should not be there: notes
// of the journal are short.
const mostDifferent = 20

// Counted is what a count came to.
type Counted struct {
	Pieces   int64  `json:"pieces"`   // that were counted
	Expected int64  `json:"expected"` // that should have been there
	List     string `json:"list"`     // SHA-256 over what was counted, in hexadecimal
	// Missing and Extra are how many pieces differ, and their first ranges.
	Missing       int64   `json:"missing,omitempty"`
	Extra         int64   `json:"extra,omitempty"`
	MissingRanges []Range `json:"missing_ranges,omitempty"`
	ExtraRanges   []Range `json:"extra_ranges,omitempty"`
}

// Comparison holds what was counted against what should be there, lot by lot.
type Comparison struct {
	rest []Range // that was counted, and is behind the lots so far
	is   Counted
}

// NewComparison begins with what was counted: ranges in order, as [Merged] returns them.
func NewComparison(counted []Range) *Comparison {
	return &Comparison{rest: slices.Clone(counted), is: Counted{Pieces: Pieces(counted)}}
}

// Lot adds pieces that should be there. Lots come in order.
func (c *Comparison) Lot(r Range) {
	c.is.Expected += r.Pieces()
	c.before(r.First)
	for next := r.First; next <= r.Last; {
		seen := Range{r.Last + 1, r.Last}
		if len(c.rest) > 0 && c.rest[0].First <= r.Last {
			seen = Range{c.rest[0].First, min(c.rest[0].Last, r.Last)}
		}
		if next < seen.First {
			c.is.Missing, c.is.MissingRanges = differs(c.is.Missing, c.is.MissingRanges, Range{next, seen.First - 1})
		}
		c.passed(seen.Last)
		next = seen.Last + 1
	}
}

// End returns the whole difference.
func (c *Comparison) End() Counted {
	c.before(MaxSerial + 1)
	return c.is
}

// before takes what was counted before a serial, and should not be there.
func (c *Comparison) before(first int64) {
	for len(c.rest) > 0 && c.rest[0].First < first {
		more := Range{c.rest[0].First, min(c.rest[0].Last, first-1)}
		c.is.Extra, c.is.ExtraRanges = differs(c.is.Extra, c.is.ExtraRanges, more)
		c.passed(more.Last)
	}
}

// passed leaves out what was counted up to a serial.
func (c *Comparison) passed(last int64) {
	for len(c.rest) > 0 && c.rest[0].First <= last {
		if c.rest[0].Last > last {
			c.rest[0].First = last + 1
			return
		}
		c.rest = c.rest[1:]
	}
}

func differs(sum int64, first []Range, more Range) (int64, []Range) {
	if len(first) < mostDifferent {
		first = append(first, more)
	}
	return sum + more.Pieces(), first
}
