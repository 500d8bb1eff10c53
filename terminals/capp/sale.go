package capp

import (
	"citycard/cardos/purse"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/card"
)

// Sale is a ride, or a passage through a gate: what the card is to pay for it and to store of it.
type Sale struct {
	Amount uint32 // fen, 0 at an entry
	Time   [7]byte
	Terms  card.Terms
	// Trip is the record of file 001A; P1 of its update is the low byte of the record's
	// identifier, as seen in reader traffic.
	Trip [tunion.TripSize]byte
	// Journey is the record of file 001E. Terminal, amount, balance and time are filled in, so
	// that it agrees with the purse's own log.
	// The balance of an overdrawn card is 0 there, as readers show it: how a record has one below
	// zero is not public.
	Journey tunion.Journey
	// Tap is what the terminal records of the sale besides the payment.
	Tap *message.Tap
	// Before is that of the payment.
	Before func(*message.Tap) error
}

// Payment is the payment that the card is asked for.
func (s Sale) Payment() card.Payment {
	return card.Payment{
		Kind: purse.TypeCAPP, Amount: s.Amount, Time: s.Time, Terms: s.Terms, Tap: s.Tap, Before: s.Before,
		Updates: func(terminal [6]byte, balance int32) []card.Update {
			j := s.Journey
			j.Terminal, j.Amount, j.Balance, j.Time = tunion.LongTerminal(terminal), s.Amount, uint32(max(balance, 0)), s.Time
			journey := j.Encode()
			return []card.Update{
				{Name: "trip", ID: s.Trip[1], SFI: tunion.TripSFI, Record: s.Trip[:]},
				{Name: "journey", SFI: tunion.JourneySFI, Record: journey[:]},
			}
		},
	}
}
