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
	expected, outcome := t.priceUnder(&ride, relief)
	if outcome == Match && expected != int64(ride.AmountFen)+int64(ride.CashFen) {
		outcome = AmountDiffers
	}
	return Finding{Outcome: outcome, ExpectedFen: expected}
}

// Price is what a ride costs by this table. The outcome is Match, or why there is no price.
func (t *Table) Price(ride *message.Ride) (int64, Outcome) { return t.priceUnder(ride, Relief{}) }

func (t *Table) priceUnder(ride *message.Ride, relief Relief) (int64, Outcome) {
	if _, ok := t.cards[ride.CardType]; !ok {
		return 0, UnknownCardType
	}
	switch mode, movement := ride.Mode, ride.Movement; {
	case movement != message.Movement_MOVEMENT_UPDATE && (ride.Update != 0 || ride.CashFen != 0):
		return 0, UnknownMovement // cash is for corrections alone
	case mode == message.Mode_MODE_BUS && movement == message.Movement_MOVEMENT_SINGLE:
		fen, ok := t.Bus(ride.CardType, ride.Line, t.BandAt(ride.Time))
		if !ok {
			return 0, UnknownLine
		}
		if relief.Free {
			fen = 0
		}
		return fen, Match
	case mode == message.Mode_MODE_METRO && movement == message.Movement_MOVEMENT_ENTRY:
		if station := ride.Station; station < 1 || station > t.stations {
			return 0, UnknownStation
		}
		return 0, Match
	case mode == message.Mode_MODE_METRO && movement == message.Movement_MOVEMENT_EXIT:
		return t.priceExit(ride, relief)
	case mode == message.Mode_MODE_METRO && movement == message.Movement_MOVEMENT_UPDATE:
		return t.priceUpdate(ride, relief)
	}
	return 0, UnknownMovement
}

// priceUpdate is what a correction at a desk costs, whether from the card or in cash: what a gate
// takes for the trip that it ends. An entry that is written for a card without one costs nothing.
func (t *Table) priceUpdate(ride *message.Ride, relief Relief) (int64, Outcome) {
	switch ride.Update {
	case message.UpdateReason_UPDATE_REASON_EXIT_TIMEOUT, message.UpdateReason_UPDATE_REASON_OVER_TRAVEL,
		message.UpdateReason_UPDATE_REASON_HAS_ENTRY, message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT:
		relief.Unentered = message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_UNSPECIFIED // each has an entry
		return t.priceExit(ride, relief)
	case message.UpdateReason_UPDATE_REASON_NO_ENTRY:
		if ride.Station < 1 || ride.Station > t.stations || ride.EntryStation > t.stations {
			return 0, UnknownStation
		}
		if ride.EntryStation != 0 || relief.Free {
			return 0, Match
		}
		fen, _ := t.Highest(ride.CardType)
		return fen, Match
	}
	return 0, UnknownMovement
}

// priceExit reads both times as wall-clock time without an offset: they come
// from one city's clocks, and China keeps one offset all year.
func (t *Table) priceExit(ride *message.Ride, relief Relief) (int64, Outcome) {
	if ride.EntryStation == 0 && relief.Unentered > message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_REFUSED {
		return t.priceUnentered(ride, relief)
	}
	fen, ok := t.Metro(ride.CardType, ride.EntryStation, ride.Station, t.bandOf(ride, relief.Untimed))
	switch {
	case !ok:
		return 0, UnknownStation
	case relief.Free:
		return 0, Match
	case relief.Untimed:
		return fen, Match
	}
	entered, err := bcd.ParseTime(ride.EntryTime, time.UTC)
	if err != nil {
		return 0, BadTimes
	}
	left, err := bcd.ParseTime(ride.Time, time.UTC)
	if err != nil || left.Before(entered) {
		return 0, BadTimes
	}
	if t.overstays(left.Sub(entered)) {
		fen, _ = t.Highest(ride.CardType)
	}
	return fen, Match
}
