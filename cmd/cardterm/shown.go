package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/exits"
)

// noticeFlags say what passengers are told beside the fare.
type noticeFlags struct {
	lowBalance yuanValue
	expiryDays uint
}

// yuanValue is an amount that is given in yuan.
type yuanValue struct{ fen uint32 }

func (y *yuanValue) String() string { return yuan(y.fen) }

// Set implements flag.Value.
func (y *yuanValue) Set(text string) (err error) {
	y.fen, err = exits.ParseYuan(text)
	return err
}

// warning is what is to be read about a card that passes.
func (n *noticeFlags) warning(balance int32, a *tunion.Application, at time.Time) string {
	if int64(balance) < int64(n.lowBalance.fen) {
		return warningLowBalance
	}
	if a == nil {
		return ""
	}
	if last, err := bcd.ParseTime([7]byte{a.Expiry[0], a.Expiry[1], a.Expiry[2], a.Expiry[3]}, at.Location()); err == nil && last.Before(at.AddDate(0, 0, int(n.expiryDays))) {
		return warningExpires
	}
	return ""
}

// result is the line of an outcome for displays.
func (l *lane) result(tap *message.Tap, err error, s *sight) shown {
	line := shown{Time: s.at, Lane: l.settings.name, Outcome: outcomePaid, Sound: soundPass}
	if errors.Is(err, errRepeated) {
		line.Outcome, line.Sound, tap = outcomeRepeated, soundHasPaid, s.tap
	}
	if s.card != nil {
		line.Expiry = fmt.Sprintf("%x", s.card.Expiry)
		if number, err := tunion.Number(s.card.ASN); err == nil {
			line.Card = tunion.Masked(number)
		}
	}
	if tap == nil {
		line.Outcome, line.Sound = refusal(err)
		return line
	}
	fen, balance := tap.GetDebit().GetAmountFen(), tap.GetBalanceFen()
	line.Fen, line.Balance, line.Movement = &fen, &balance, movement(tap.GetMovement())
	line.Modes = codesOf(tap.GetServiceMode())
	if line.Warning = l.settings.notice.warning(balance, s.card, s.at); line.Warning != "" && line.Outcome == outcomePaid {
		line.Sound = soundWarning
	}
	return line
}

func movement(m message.Movement) string {
	switch m {
	case message.Movement_MOVEMENT_ENTRY:
		return movementEntry
	case message.Movement_MOVEMENT_EXIT:
		return "exit"
	case message.Movement_MOVEMENT_SINGLE:
		return "single"
	}
	return strconv.Itoa(int(m))
}
