package fare

import (
	"time"

	"citycard/cardos/bcd"
	"citycard/clearing/message"
)

// Message is the table as it is sent to the terminals. It must not be changed.
func (t *Table) Message() *message.FareTable { return t.message }

// Version is rule version, network version and content hash, joined by plus signs.
func (t *Table) Version() string { return t.message.GetVersion() }

// BandAt is the band in which a card time lies, a number from 1 on; 0 is none.
func (t *Table) BandAt(at [7]byte) int { return t.message.BandAt(at, t.days) }

// bandOf is the band of a trip by the metro. Where its times do not count, its exit's is.
func (t *Table) bandOf(ride *message.Ride, untimed bool) int {
	if t.message.GetMetroByEntry() && !untimed {
		return t.BandAt(ride.EntryTime)
	}
	return t.BandAt(ride.Time)
}

// Metro is the price in fen of a trip inside the time limit, in a band. It reports false for an
// unknown card type or station.
func (t *Table) Metro(cardType, entry, exit uint32, band int) (int64, bool) {
	f, ok := t.cards[cardType]
	if !ok || entry < 1 || entry > t.stations || exit < 1 || exit > t.stations {
		return 0, false
	}
	return int64(f.prices[band].metro[t.class[(entry-1)*t.stations+exit-1]]), true
}

// Highest is the price in fen of a trip past the time limit.
func (t *Table) Highest(cardType uint32) (int64, bool) {
	p, ok := t.cards[cardType]
	return p.highest, ok
}

// overstays reports whether a trip is past the time limit.
func (t *Table) overstays(stay time.Duration) bool {
	return stay > time.Duration(t.message.GetMetroLimitMinutes())*time.Minute
}

// Bus is the price in fen of one ride, in a band. It reports false for an unknown card type or
// line.
func (t *Table) Bus(cardType, line uint32, band int) (int64, bool) {
	f, ok := t.cards[cardType]
	if !ok {
		return 0, false
	}
	fen, ok := f.prices[band].bus[line]
	return fen, ok
}

// Began is when the trip began that a tap ends, where the tap claims an entry no longer before it
// than the time limit of a trip; ok is false for every other tap.
func (t *Table) Began(tap *message.Tap) (entered [7]byte, ok bool) {
	ride := tap.Ride()
	ends := ride.Movement == message.Movement_MOVEMENT_EXIT ||
		ride.Movement == message.Movement_MOVEMENT_UPDATE && ride.Update == message.UpdateReason_UPDATE_REASON_OVER_TRAVEL
	if ride.Mode != message.Mode_MODE_METRO || !ends || ride.EntryStation == 0 {
		return entered, false
	}
	in, err := bcd.ParseTime(ride.EntryTime, time.UTC)
	if err != nil {
		return entered, false
	}
	out, err := bcd.ParseTime(ride.Time, time.UTC)
	return ride.EntryTime, err == nil && !out.Before(in) && !t.overstays(out.Sub(in))
}

// Outcome is what Check found.
type Outcome uint8

// The outcomes. From UnknownCardType on there is no expected amount.
const (
	Match Outcome = iota
	AmountDiffers
	UnknownCardType
	UnknownStation
	UnknownLine
	UnknownMovement // a mode and movement that no fare exists for
	BadTimes        // a time is unreadable, or the exit is before the entry
)

// String is the outcome's code.
func (o Outcome) String() string {
	switch o {
	case Match:
		return "match"
	case AmountDiffers:
		return "amount_differs"
	case UnknownCardType:
		return "unknown_card_type"
	case UnknownStation:
		return "unknown_station"
	case UnknownLine:
		return "unknown_line"
	case UnknownMovement:
		return "unknown_movement"
	}
	return "bad_times"
}

// Finding is the result of a check. It is a flag for people and day close: the
// purse is debited already, so a finding never rejects a tap.
type Finding struct {
	Outcome     Outcome
	ExpectedFen int64 // with Match and AmountDiffers
	// OffFen is what a transfer took off that price, and Bearer who bears it; zero without one.
	OffFen int64
	Bearer message.Bearer
}

// OK says that the charge is what the table says.
func (f Finding) OK() bool { return f.Outcome == Match }

// Check compares a tap's signed amount with this table's price, from the record
// alone: station, line, entry, card type, and what was paid in cash beside it, are the terminal's
// unsigned claims. The caller chooses the table, by the signed second.
func (t *Table) Check(tap *message.Tap) Finding { return t.CheckUnder(tap, Relief{}) }

// CheckUnder is Check while service modes are in force at the terminal.
func (t *Table) CheckUnder(tap *message.Tap, relief Relief) Finding {
	ride := tap.Ride()
	p, outcome := t.priceUnder(&ride, relief)
	if outcome == Match && p.fen != int64(ride.AmountFen)+int64(ride.CashFen) {
		outcome = AmountDiffers
	}
	f := Finding{Outcome: outcome, ExpectedFen: p.fen}
	if p.off > 0 {
		f.OffFen, f.Bearer = p.off, t.message.Transfers[p.transfer-1].Bearer
	}
	return f
}

// Price is what a ride costs by this table. The outcome is Match, or why there is no price.
func (t *Table) Price(ride *message.Ride) (int64, Outcome) {
	p, outcome := t.priceUnder(ride, Relief{})
	return p.fen, outcome
}

func (t *Table) priceUnder(ride *message.Ride, relief Relief) (price, Outcome) {
	if _, ok := t.cards[ride.CardType]; !ok {
		return price{}, UnknownCardType
	}
	switch mode, movement := ride.Mode, ride.Movement; {
	case movement != message.Movement_MOVEMENT_UPDATE && (ride.Update != 0 || ride.CashFen != 0):
		return price{}, UnknownMovement // cash is for corrections alone
	case mode == message.Mode_MODE_BUS && movement == message.Movement_MOVEMENT_SINGLE:
		band := t.BandAt(ride.Time)
		switch fen, ok := t.Bus(ride.CardType, ride.Line, band); {
		case !ok:
			return price{}, UnknownLine
		case relief.Free:
			return price{}, Match
		default:
			return t.busAfter(ride, band, fen, t.transferTo(ride, ride.Time, relief)), Match
		}
	case mode == message.Mode_MODE_METRO && movement == message.Movement_MOVEMENT_ENTRY:
		if station := ride.Station; station < 1 || station > t.stations {
			return price{}, UnknownStation
		}
		return price{}, Match
	case mode == message.Mode_MODE_METRO && movement == message.Movement_MOVEMENT_EXIT:
		return t.priceExit(ride, relief)
	case mode == message.Mode_MODE_METRO && movement == message.Movement_MOVEMENT_UPDATE:
		return t.priceUpdate(ride, relief)
	}
	return price{}, UnknownMovement
}

// priceUpdate is what a correction at a desk costs, whether from the card or in cash: what a gate
// takes for the trip that it ends. An entry that is written for a card without one costs nothing.
func (t *Table) priceUpdate(ride *message.Ride, relief Relief) (price, Outcome) {
	switch ride.Update {
	case message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT, message.UpdateReason_UPDATE_REASON_OVER_TRAVEL,
		message.UpdateReason_UPDATE_REASON_HAS_ENTRY, message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT:
		relief.Unentered = message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_UNSPECIFIED // each has an entry
		return t.priceExit(ride, relief)
	case message.UpdateReason_UPDATE_REASON_NO_ENTRY:
		if ride.Station < 1 || ride.Station > t.stations || ride.EntryStation > t.stations {
			return price{}, UnknownStation
		}
		if ride.EntryStation != 0 || relief.Free {
			return price{}, Match
		}
		fen, _ := t.Highest(ride.CardType)
		return price{fen: fen}, Match
	}
	return price{}, UnknownMovement
}

// priceExit reads both times as wall-clock time without an offset: they come
// from one city's clocks, and China keeps one offset all year. To a trip past the time limit no
// transfer leads, nor to one whose times do not count.
func (t *Table) priceExit(ride *message.Ride, relief Relief) (price, Outcome) {
	if ride.EntryStation == 0 && relief.Unentered > message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_REFUSED {
		fen, outcome := t.priceUnentered(ride, relief)
		return price{fen: fen}, outcome
	}
	band := t.bandOf(ride, relief.Untimed)
	fen, ok := t.Metro(ride.CardType, ride.EntryStation, ride.Station, band)
	switch {
	case !ok:
		return price{}, UnknownStation
	case relief.Free:
		return price{}, Match
	case relief.Untimed:
		return price{fen: fen}, Match
	}
	entered, err := bcd.ParseTime(ride.EntryTime, time.UTC)
	if err != nil {
		return price{}, BadTimes
	}
	left, err := bcd.ParseTime(ride.Time, time.UTC)
	if err != nil || left.Before(entered) {
		return price{}, BadTimes
	}
	if t.overstays(left.Sub(entered)) {
		fen, _ = t.Highest(ride.CardType)
		return price{fen: fen}, Match
	}
	return t.metroAfter(ride, band, fen, t.transferTo(ride, ride.EntryTime, relief)), Match
}
