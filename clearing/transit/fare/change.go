package fare

import (
	"cmp"

	"github.com/shopspring/decimal"

	"citycard/clearing/rulefile"
)

// Price names a price of a table: of a trip between two stations, of one past the time limit where
// both are 0, or of a ride on a bus line.
type Price struct {
	CardType uint32 `json:"card_type"`
	Entry    uint32 `json:"from,omitempty"`
	Exit     uint32 `json:"to,omitempty"`
	Line     uint32 `json:"line,omitempty"`
}

// Change is how much tables change prices: the one that changes by the largest share, and how many
// there are. It is zero where no price changes. Two of them can be compared.
type Change struct {
	Price
	Before int64  `json:"before_fen"`
	After  int64  `json:"after_fen"`
	From   string `json:"effective_from"` // of the table with the price after the change
	Limit  string `json:"limit"`          // the share that needs to be accepted if it is exceeded
	Over   bool   `json:"over_limit"`

	Prices   int   `json:"changed_prices"`
	Appeared int   `json:"new_prices,omitempty"` // which have no price before, and so no share
	New      Price `json:"new_price,omitzero"`   // the first of them
	Vanished int   `json:"gone_prices,omitempty"`
	Gone     Price `json:"gone_price,omitzero"`
}

// usualLimit is the share of a price by which a table may change it without more ado, where the
// fares in force set none. It protects from a slip of the pen, and is no figure of a city.
func usualLimit() decimal.Decimal { return decimal.New(30, -2) }

// ChangeFrom compares each table that begins after a moment with the table before it, and with the
// table in force then, so that a large change in small steps is found too. Tables that come in the
// same place of the series in force are left out: they were compared when they were proposed. What
// share is too large, the fares in force say, never those that are proposed.
func (ts *Tables) ChangeFrom(inForce *Tables, at rulefile.Moment) Change {
	now := inForce.at(at) // every moment has one
	known := map[[2]string]bool{}
	for i := 1; i < len(inForce.entries); i++ {
		known[[2]string{inForce.entries[i-1].table.Version(), inForce.entries[i].table.Version()}] = true
	}
	limit := usualLimit()
	if set := now.rules.LargestChange; set.Valid {
		limit = set.Decimal
	}
	c := Change{Limit: limit.String()}
	for i := range ts.entries {
		e := &ts.entries[i]
		if e.from <= at || i == 0 {
			continue
		}
		before := ts.entries[i-1].table
		if known[[2]string{before.Version(), e.table.Version()}] {
			continue
		}
		c.add(before, e, true)
		if now.table.Version() != before.Version() {
			c.add(now.table, e, false)
		}
	}
	if c.Prices+c.Appeared+c.Vanished == 0 {
		return Change{}
	}
	c.Over = c.exceeds(limit)
	return c
}

// exceeds reports whether the largest change is by more than a share. From nothing to anything is
// more than every share.
func (c *Change) exceeds(limit decimal.Decimal) bool {
	return decimal.NewFromInt(c.size()).GreaterThan(limit.Mul(decimal.NewFromInt(c.Before)))
}

func (c *Change) size() int64 { return max(c.After-c.Before, c.Before-c.After) }

// add compares two tables, and counts what differs if the second follows the first.
func (c *Change) add(before *Table, e *entry, follows bool) {
	after := e.table
	before.each(func(p Price, was int64) {
		is, there := after.price(p)
		switch {
		case !there && follows:
			if c.Vanished++; c.Vanished == 1 {
				c.Gone = p
			}
		case there && is != was:
			c.take(Change{Price: p, Before: was, After: is, From: e.from.String()})
			if follows {
				c.Prices++
			}
		}
	})
	if !follows {
		return
	}
	after.each(func(p Price, _ int64) {
		if _, there := before.price(p); !there {
			if c.Appeared++; c.Appeared == 1 {
				c.New = p
			}
		}
	})
}

// take keeps a change if it is larger than the one that is kept.
func (c *Change) take(other Change) {
	// Prices are at most 31 bits, so the products are exact.
	if cmp.Or(cmp.Compare(other.size()*c.Before, c.size()*other.Before), cmp.Compare(other.size(), c.size())) > 0 || c.Before == c.After {
		c.Price, c.Before, c.After, c.From = other.Price, other.Before, other.After, other.From
	}
}

// each passes all prices of the table, in its order.
func (t *Table) each(take func(Price, int64)) {
	for _, row := range t.message.GetFares() {
		p := Price{CardType: row.GetCardType()}
		for i, fen := range row.GetMetroFen() {
			p.Entry, p.Exit = uint32(i)/t.stations+1, uint32(i)%t.stations+1
			take(p, int64(fen))
		}
		take(Price{CardType: p.CardType}, int64(row.GetMetroHighestFen()))
		for _, bus := range row.GetBus() {
			take(Price{CardType: p.CardType, Line: bus.GetLine()}, int64(bus.GetFen()))
		}
	}
}

func (t *Table) price(p Price) (int64, bool) {
	switch {
	case p.Line != 0:
		return t.Bus(p.CardType, p.Line)
	case p.Entry == 0:
		return t.Highest(p.CardType)
	}
	return t.Metro(p.CardType, p.Entry, p.Exit)
}
