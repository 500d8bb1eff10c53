package fare

import (
	"cmp"
	"slices"

	"github.com/shopspring/decimal"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/rulefile"
)

// Price names a price of a table: of a trip between two stations, of one past the time limit where
// both are 0, or of a ride on a bus line.
type Price struct {
	CardType uint32 `json:"card_type"`
	Entry    uint32 `json:"from,omitempty"`
	Exit     uint32 `json:"to,omitempty"`
	Line     uint32 `json:"line,omitempty"`
	Band     string `json:"band,omitempty"` // by name; empty: outside all bands
}

// Change is how much tables change prices: the one that changes by the largest share, and how many
// there are. It is zero where nothing changes. Two of them can be compared.
type Change struct {
	Price
	Before int64  `json:"before_fen"`
	After  int64  `json:"after_fen"`
	From   string `json:"effective_from"` // of the table with the price after the change
	Limit  string `json:"limit"`          // the share that needs to be accepted if it is exceeded
	Large  bool   `json:"large,omitzero"` // the price changes by more than the limit
	Over   bool   `json:"over_limit"`     // something needs to be accepted

	Prices   int   `json:"changed_prices"`
	Appeared int   `json:"new_prices,omitempty"` // which the table before lacks, and none before it has otherwise
	New      Price `json:"new_price,omitzero"`   // the first of them
	Vanished int   `json:"gone_prices,omitempty"`
	Gone     Price `json:"gone_price,omitzero"`

	// Minutes is how the time limit of a trip changes. A shorter one needs to be accepted: trips
	// past it cost the highest price.
	Minutes Turn[uint32] `json:"limit_minutes,omitzero"`
	// Bands is how the times of the bands change. That needs to be accepted: at some times of day
	// rides cost what they cost at others.
	Bands Turn[string] `json:"bands,omitzero"`
	// Transfers is how the transfers change. That needs to be accepted.
	Transfers Turn[string] `json:"transfers,omitzero"`
	// Share is how the limit itself changes, for fares to come. A larger one needs to be accepted.
	Share Turn[string] `json:"largest_change,omitzero"`
}

// Turn is a value before a table and with it.
type Turn[T comparable] struct {
	Before T      `json:"before"`
	After  T      `json:"after"`
	From   string `json:"effective_from"`
}

// usualLimit is the share of a price by which a table may change it without more ado, where the
// fares in force set none. It protects from a slip of the pen, and is no figure of a city.
func usualLimit() decimal.Decimal { return decimal.New(30, -2) }

// limit is the share by which fares that follow may change a price without being accepted.
func (v *version) limit() decimal.Decimal {
	if v.LargestChange.Valid {
		return v.LargestChange.Decimal
	}
	return usualLimit()
}

// Looser reports whether fares to come may change a price by a larger share than before.
func (c *Change) Looser() bool {
	before, _ := decimal.NewFromString(c.Share.Before)
	after, _ := decimal.NewFromString(c.Share.After)
	return after.GreaterThan(before)
}

// same reports whether two tables are the same in all that is compared. The hash in their names is
// too short to rely on.
func (e *entry) same(other *entry) bool {
	return e.table.Version() == other.table.Version() && e.rules.limit().Equal(other.rules.limit()) &&
		proto.Equal(e.table.message, other.table.message)
}

// follows reports whether a table comes directly after another one in the series.
func (ts *Tables) follows(before, e *entry) bool {
	for i := 1; i < len(ts.entries); i++ {
		if ts.entries[i-1].same(before) && ts.entries[i].same(e) {
			return true
		}
	}
	return false
}

// ChangeFrom compares each table that begins after a moment with the table before it, and with the
// table in force then, so that a large change in small steps is found too. A price that the table
// before lacks is compared with its last one in the series. Tables that come in the same place of
// the series in force are left out: they were compared when they were proposed. What share is too
// large, the fares in force say, never those that are proposed.
func (ts *Tables) ChangeFrom(inForce *Tables, at rulefile.Moment) Change {
	now := inForce.at(at)
	limit := now.rules.limit()
	var c Change
	for i := range ts.entries {
		e := &ts.entries[i]
		if e.from <= at || i == 0 || inForce.follows(&ts.entries[i-1], e) {
			continue
		}
		before := &ts.entries[i-1]
		c.follow(ts.entries[:i], e)
		c.compare(now.table, before.table, e)
		c.turn(before, e)
	}
	if c == (Change{}) {
		return c
	}
	c.Limit, c.Large = limit.String(), c.exceeds(limit)
	c.Over = c.Over || c.Large
	return c
}

// exceeds reports whether the largest change is by more than a share. From nothing to anything is
// more than every share.
func (c *Change) exceeds(limit decimal.Decimal) bool {
	return decimal.NewFromInt(c.size()).GreaterThan(limit.Mul(decimal.NewFromInt(c.Before)))
}

func (c *Change) size() int64 { return max(c.After-c.Before, c.Before-c.After) }

// follow compares a table with the last of those before it, and counts what differs.
func (c *Change) follow(series []entry, e *entry) {
	before, after := series[len(series)-1].table, e.table
	before.each(func(p Price, was int64) {
		switch is, there := after.price(p); {
		case !there:
			if c.Vanished++; c.Vanished == 1 {
				c.Gone = p
			}
		case is != was:
			c.Prices++
			c.take(p, was, is, e.from)
		}
	})
	after.each(func(p Price, is int64) {
		switch was, there := before.price(p); {
		case there && p.Band != "" && !before.has(p.Band) && is != was:
			c.Prices++
			c.take(p, was, is, e.from)
			return
		case there:
			return
		}
		if was, there := lastPrice(series, p); there && is != was {
			c.Prices++
			c.take(p, was, is, e.from)
			return
		}
		if c.Appeared++; c.Appeared == 1 {
			c.New = p
		}
	})
}

// lastPrice is a price in the last table that has it.
func lastPrice(series []entry, p Price) (int64, bool) {
	for i := len(series) - 1; i >= 0; i-- {
		if fen, there := series[i].table.price(p); there {
			return fen, true
		}
	}
	return 0, false
}

// compare compares a table with the one in force, a price in a band that this one lacks with its
// price outside all bands. What the table has in common with the one before
// it was compared, or accepted, with that one.
func (c *Change) compare(now, before *Table, e *entry) {
	if now == before {
		return
	}
	take := func(p Price, was, is int64) {
		if already, there := before.price(p); was != is && (!there || already != is) {
			c.take(p, was, is, e.from)
		}
	}
	now.each(func(p Price, was int64) {
		if is, there := e.table.price(p); there {
			take(p, was, is)
		}
	})
	e.table.each(func(p Price, is int64) {
		if was, there := now.price(p); there && p.Band != "" && !now.has(p.Band) {
			take(p, was, is)
		}
	})
}

// turn keeps how a table changes the time limit, the bands and the transfers, and its rules the
// share that needs to be accepted.
func (c *Change) turn(before, e *entry) {
	if was, is := before.rules.times(), e.rules.times(); was != is {
		c.Bands, c.Over = further(c.Bands, was, is, e.from), true
	}
	if was, is := before.rules.transfers(), e.rules.transfers(); was != is {
		c.Transfers, c.Over = further(c.Transfers, was, is, e.from), true
	}
	was, is := before.table.message.GetMetroLimitMinutes(), e.table.message.GetMetroLimitMinutes()
	shorter := is < was
	if was != is && (c.Minutes.From == "" || shorter && (c.Minutes.Before < c.Minutes.After || is < c.Minutes.After)) {
		c.Minutes = Turn[uint32]{was, is, e.from.String()}
	}
	wasShare, isShare := before.rules.limit(), e.rules.limit()
	larger := isShare.GreaterThan(wasShare)
	// Of several that are larger the largest is kept.
	held, _ := decimal.NewFromString(c.Share.After)
	if !wasShare.Equal(isShare) && (c.Share.From == "" || larger && (!c.Looser() || isShare.GreaterThan(held))) {
		c.Share = Turn[string]{wasShare.String(), isShare.String(), e.from.String()}
	}
	c.Over = c.Over || shorter || larger
}

// further adds a turn to those of the tables before it, so that none is left out.
func further(so Turn[string], was, is string, from rulefile.Moment) Turn[string] {
	if so.From == "" {
		return Turn[string]{was, is, from.String()}
	}
	if is == "" {
		is = "none"
	}
	so.After += "; from " + from.String() + " on: " + is
	return so
}

// take keeps a change of a price if it is larger than the one that is kept.
func (c *Change) take(p Price, was, is int64, from rulefile.Moment) {
	size := max(is-was, was-is)
	// Prices are at most 31 bits, so the products are exact.
	if cmp.Or(cmp.Compare(size*c.Before, c.size()*was), cmp.Compare(size, c.size())) > 0 || c.Before == c.After {
		c.Price, c.Before, c.After, c.From = p, was, is, from.String()
	}
}

// each passes all prices of the table, in its order.
func (t *Table) each(take func(Price, int64)) {
	for _, row := range t.message.GetFares() {
		p := Price{CardType: row.GetCardType()}
		for band := range row.GetPrices() {
			if p.Band = ""; band > 0 {
				p.Band = t.message.GetBands()[band-1].GetName()
			}
			t.eachIn(row.GetPrices()[band], p, take)
			if band == 0 {
				take(p, int64(row.GetMetroHighestFen()))
			}
		}
	}
}

// eachIn passes the prices of a card type in a band.
func (t *Table) eachIn(in *message.Prices, p Price, take func(Price, int64)) {
	of := p
	for i, class := range t.class {
		of.Entry, of.Exit = uint32(i)/t.stations+1, uint32(i)%t.stations+1
		take(of, int64(in.GetMetroFen()[class]))
	}
	for _, bus := range in.GetBus() {
		of := p
		of.Line = bus.GetLine()
		take(of, int64(bus.GetFen()))
	}
}

// band is the number of a band, 0 where the table has none of that name: then the price outside all
// bands holds.
func (t *Table) band(name string) int {
	return slices.IndexFunc(t.message.GetBands(), func(b *message.Band) bool { return b.GetName() == name }) + 1
}

func (t *Table) has(band string) bool { return t.band(band) > 0 }

func (t *Table) price(p Price) (int64, bool) {
	switch {
	case p.Line != 0:
		return t.Bus(p.CardType, p.Line, t.band(p.Band))
	case p.Entry == 0:
		return t.Highest(p.CardType)
	}
	return t.Metro(p.CardType, p.Entry, p.Exit, t.band(p.Band))
}
