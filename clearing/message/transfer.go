package message

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"citycard/cardos/bcd"
)

// maxTransfers bounds a table: each may have prices of its own.
const maxTransfers = 100

// Before is the ride before another one, as its tap claims it. The zero value is none.
type Before struct {
	Mode     Mode
	Operator uint32
	Time     [TimeLen]byte // when it was paid
	Here     uint32        // operator of the ride to which the transfer leads
}

// Claim is the ride before as a tap has it; nil for none.
func (b *Before) Claim() *RideBefore {
	if b.Mode == Mode_MODE_UNSPECIFIED {
		return nil
	}
	return &RideBefore{Mode: b.Mode, Operator: b.Operator, Time: bytes.Clone(b.Time[:]), Here: b.Here}
}

// Ride is the ride before as a tap has it; the zero value for none.
func (x *RideBefore) Ride() Before {
	if x == nil {
		return Before{}
	}
	return Before{x.Mode, x.Operator, timeOf(x.Time), x.Here}
}

// Leg is what a transfer asks of a ride: its mode, and the number of its operator in cards'
// records.
type Leg struct {
	Mode     Mode
	Operator uint32
}

// TransferAt is the number of the first transfer, from 1 on, that leads from a ride paid at one
// time to a ride that begins at another; 0 for none. A ride that begins before the other was
// paid is not after it. Whether the transfer is one that holds only once, the caller looks at.
func (x *FareTable) TransferAt(from, to Leg, paid, begins [TimeLen]byte) int {
	if len(x.GetTransfers()) == 0 {
		return 0
	}
	before, err := bcd.ParseTime(paid, time.UTC)
	if err != nil {
		return 0
	}
	at, err := bcd.ParseTime(begins, time.UTC)
	if err != nil || at.Before(before) {
		return 0
	}
	gap := at.Sub(before)
	for i, t := range x.Transfers {
		if t.From == from.Mode && t.To == to.Mode && gap <= time.Duration(t.Minutes)*time.Minute &&
			fits(t.FromOperators, from.Operator) && fits(t.ToOperators, to.Operator) {
			return i + 1
		}
	}
	return 0
}

// LeadsTo reports whether a transfer may lead to a ride.
func (x *FareTable) LeadsTo(to Leg) bool {
	return slices.ContainsFunc(x.GetTransfers(), func(t *Transfer) bool { return t.To == to.Mode && fits(t.ToOperators, to.Operator) })
}

func fits(operators []uint32, operator uint32) bool {
	return len(operators) == 0 || slices.Contains(operators, operator)
}

// Listed reports whether the prices to which the transfer leads are in lists.
func (x *Transfer) Listed() bool { return x.GetOffFen() == 0 }

// Takes is what is left of a price after the amount is taken off, where it is one. A price that is
// not above the floor stays as it is.
func (x *Transfer) Takes(fen uint32) uint32 {
	if fen <= x.GetFloorFen() {
		return fen
	}
	return max(x.GetFloorFen(), fen-min(fen, x.GetOffFen()))
}

// CheckTransfers finds what is wrong with the transfers of a table, and with their lists.
func (x *FareTable) CheckTransfers() error {
	if n := len(x.GetTransfers()); n > maxTransfers {
		return fmt.Errorf("%d transfers, want at most %d", n, maxTransfers)
	}
	for i, t := range x.GetTransfers() {
		again := slices.ContainsFunc(x.Transfers[:i], func(other *Transfer) bool { return other.GetName() == t.GetName() })
		switch {
		case t.GetName() == "" || again:
			return fmt.Errorf("transfer %q: want a name that no other has", t.GetName())
		case !rides(t.GetFrom()) || !rides(t.GetTo()):
			return fmt.Errorf("transfer %q leads from mode %d to %d, want metro or bus", t.GetName(), t.GetFrom(), t.GetTo())
		case t.GetMinutes() < 1 || t.GetMinutes() > minutesOfADay:
			return fmt.Errorf("transfer %q: %d minutes, want 1 to %d", t.GetName(), t.GetMinutes(), minutesOfADay)
		case t.GetBearer() != Bearer_BEARER_OPERATOR && t.GetBearer() != Bearer_BEARER_CITY:
			return fmt.Errorf("transfer %q is borne by %d, want 1 or 2", t.GetName(), t.GetBearer())
		}
	}
	for _, c := range x.GetFares() {
		for _, in := range c.GetPrices() {
			if err := x.checkReduced(in); err != nil {
				return fmt.Errorf("card type %d: %w", c.GetCardType(), err)
			}
		}
	}
	return nil
}

func rides(m Mode) bool { return m == Mode_MODE_METRO || m == Mode_MODE_BUS }

// checkReduced finds a transfer whose list does not fit to the prices without it: each price has
// one beside it that is not above it.
func (x *FareTable) checkReduced(in *Prices) error {
	if len(in.GetReduced()) != len(x.GetTransfers()) {
		return fmt.Errorf("prices after %d transfers, want %d", len(in.GetReduced()), len(x.GetTransfers()))
	}
	for i, list := range in.GetReduced() {
		t := x.Transfers[i]
		metro, bus := t.Listed() && t.GetTo() == Mode_MODE_METRO, t.Listed() && t.GetTo() == Mode_MODE_BUS
		fit := len(list.GetMetroFen()) == times(metro, len(in.GetMetroFen())) && len(list.GetBus()) == times(bus, len(in.GetBus()))
		if !fit {
			return fmt.Errorf("transfer %q has %d metro prices and %d of bus lines", t.GetName(), len(list.GetMetroFen()), len(list.GetBus()))
		}
		for n, fen := range list.GetMetroFen() {
			if fen > in.MetroFen[n] {
				return fmt.Errorf("transfer %q: a trip costs %d fen after it, more than the %d without", t.GetName(), fen, in.MetroFen[n])
			}
		}
		for n, line := range list.GetBus() {
			if usual := in.Bus[n]; line.GetLine() != usual.GetLine() || line.GetFen() > usual.GetFen() {
				return fmt.Errorf("transfer %q: line %d costs %d fen after it, want line %d and at most %d", t.GetName(), line.GetLine(), line.GetFen(), usual.GetLine(), usual.GetFen())
			}
		}
	}
	return nil
}

// times is n, or nothing.
func times(all bool, n int) int {
	if all {
		return n
	}
	return 0
}
