package main

import (
	"citycard/clearing/message"
	"citycard/language"
	"citycard/ledger"
)

// deskUpdate is what a station's desk says of a correction.
type deskUpdate struct {
	Reason string     `json:"reason"` // 01, 02, 03, 10, 12
	Entry  uint32     `json:"entry_station,omitempty"`
	Cash   ledger.Fen `json:"cash_fen,omitempty"`
	Staff  string     `json:"staff,omitempty"`
}

// updateOf is that of a tap, nil if it is no correction.
func updateOf(tap *message.Tap) *deskUpdate {
	u := tap.GetUpdate()
	if u == nil {
		return nil
	}
	return &deskUpdate{Reason: u.GetReason().Code(), Entry: tap.GetEntryStation(), Cash: ledger.Fen(u.GetCashFen()), Staff: u.GetStaff()}
}

// of names the correction of a card.
func (u *deskUpdate) of(card string) *language.Text {
	if u.Cash == 0 {
		return language.Textf("%s, update %s", card, u.Reason)
	}
	return language.Textf("%s, update %s, %s yuan in cash to %s", card, u.Reason, u.Cash.String(), u.Staff)
}
