package fare

import (
	"time"

	"citycard/clearing/message"
)

// Message is the table as it is sent to the terminals. It must not be changed.
func (t *Table) Message() *message.FareTable { return t.message }

// Version is rule version, network version and content hash, joined by plus signs.
func (t *Table) Version() string { return t.message.GetVersion() }

// Metro is the price in fen of a trip inside the time limit. It reports false
// for an unknown card type or station.
func (t *Table) Metro(cardType, entry, exit uint32) (int64, bool) {
	p, ok := t.cards[cardType]
	if !ok || entry < 1 || entry > t.stations || exit < 1 || exit > t.stations {
		return 0, false
	}
	return int64(p.metro[(entry-1)*t.stations+exit-1]), true
}

// Highest is the price in fen of a trip past the time limit.
func (t *Table) Highest(cardType uint32) (int64, bool) {
	p, ok := t.cards[cardType]
	return p.highest, ok
}

// Bus is the price in fen of one ride. It reports false for an unknown card
// type or line.
func (t *Table) Bus(cardType, line uint32) (int64, bool) {
	p, ok := t.cards[cardType]
	if !ok {
		return 0, false
	}
	fen, ok := p.bus[line]
	return fen, ok
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

// Finding is the result of a check. It is a flag for people and day close: the
// purse is debited already, so a finding never rejects a tap.
type Finding struct {
	Outcome     Outcome
	ExpectedFen int64 // with Match and AmountDiffers
}

// OK says that the charge is what the table says.
func (f Finding) OK() bool { return f.Outcome == Match }

// Check compares a tap's signed amount with this table's price, from the record
// alone: station, line, entry and card type are the terminal's unsigned claims.
// The caller chooses the table, by the signed second.
func (t *Table) Check(tap *message.Tap) Finding {
	expected, outcome := t.expect(tap)
	if outcome == Match && expected != int64(tap.GetDebit().GetAmountFen()) {
		outcome = AmountDiffers
	}
	return Finding{Outcome: outcome, ExpectedFen: expected}
}

func (t *Table) expect(tap *message.Tap) (int64, Outcome) {
	cardType := tap.GetCardType()
	if _, ok := t.cards[cardType]; !ok {
		return 0, UnknownCardType
	}
	switch mode, movement := tap.GetMode(), tap.GetMovement(); {
	case mode == message.Mode_MODE_BUS && movement == message.Movement_MOVEMENT_SINGLE:
		fen, ok := t.Bus(cardType, tap.GetLine())
		if !ok {
			return 0, UnknownLine
		}
		return fen, Match
	case mode == message.Mode_MODE_METRO && movement == message.Movement_MOVEMENT_ENTRY:
		if station := tap.GetStation(); station < 1 || station > t.stations {
			return 0, UnknownStation
		}
		return 0, Match
	case mode == message.Mode_MODE_METRO && movement == message.Movement_MOVEMENT_EXIT:
		return t.expectExit(tap)
	}
	return 0, UnknownMovement
}

// expectExit reads both times as wall-clock time without an offset: they come
// from one city's clocks, and China keeps one offset all year.
func (t *Table) expectExit(tap *message.Tap) (int64, Outcome) {
	fen, ok := t.Metro(tap.GetCardType(), tap.GetEntryStation(), tap.GetStation())
	if !ok {
		return 0, UnknownStation
	}
	entered, err := message.ParseTime(tap.GetEntryTime(), time.UTC)
	if err != nil {
		return 0, BadTimes
	}
	left, err := message.ParseTime(tap.GetDebit().GetTime(), time.UTC)
	if err != nil || left.Before(entered) {
		return 0, BadTimes
	}
	if left.Sub(entered) > time.Duration(t.message.GetMetroLimitMinutes())*time.Minute {
		fen, _ = t.Highest(tap.GetCardType())
	}
	return fen, Match
}
