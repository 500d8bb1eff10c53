package transit

import (
	"citycard/cardos/bcd"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/clearing/transit/fare"
	"citycard/clearing/verdict"
)

// Claim is what the other taps of a card say of the ride before that one of them claims.
type Claim uint8

// The answers.
const (
	Unclaimed    Claim = iota // it claims none
	Holds                     // it is among them, and the transfer leads on from it
	Unseen                    // it has not come, or never was
	OtherRide                 // it is another operator's
	LeadsNowhere              // a transfer led to it, and the one that leads on from it holds once
)

// CheckClaim holds the ride before that a tap claims against the other taps of its card, as they
// are kept, of that ride's day and the day before. What a card's taps do not say, as of torn
// rides, it takes as the terminal read it.
func (r *Rules) CheckClaim(edition *index.Edition, value []byte, others [][]byte) Claim {
	t := tap{record: &docket.Record{Value: value}}
	if t.decode() != verdict.None || t.message.GetBefore() == nil {
		return Unclaimed
	}
	t.place(edition, r)
	before, now, table := t.message.GetBefore().Ride(), t.message.Ride(), r.Fares.At(t.at)
	past := r.made(edition, others)
	var last *made
	for i := range past {
		if m := &past[i]; m.rode && m.paid == before.Time && m.mode == before.Mode {
			last = m
		}
	}
	if last == nil {
		return Unseen
	}
	if !table.NumberOf(last.operator, before.Operator) {
		return OtherRide
	}
	begins := now.Time
	if now.Mode == message.Mode_MODE_METRO {
		begins = now.EntryTime
	}
	leg := message.Leg{Mode: before.Mode, Operator: before.Operator}
	fares := table.Message()
	number := fares.TransferAt(leg, message.Leg{Mode: now.Mode, Operator: before.Here}, before.Time, begins)
	if number > 0 && fares.Transfers[number-1].Once && ledTo(table, last, leg, past) {
		return LeadsNowhere
	}
	return Holds
}

// ledTo reports whether a transfer led to a ride from what the card did last before it began.
func ledTo(table *fare.Table, last *made, leg message.Leg, past []made) bool {
	var earlier *made
	for i := range past {
		if m := &past[i]; m != last && earlierThan(m.paid, last.began) && (earlier == nil || earlierThan(earlier.paid, m.paid)) {
			earlier = m
		}
	}
	if earlier == nil || !earlier.rode {
		return false
	}
	from := message.Leg{Mode: earlier.mode, Operator: table.Number(earlier.operator)}
	return table.Message().TransferAt(from, leg, earlier.paid, last.began) != 0
}

// earlierThan compares times of cards, which sort as their digits do.
func earlierThan(a, b [message.TimeLen]byte) bool { return string(a[:]) <= string(b[:]) }

// made is what a card did: a ride, or a correction at a desk.
type made struct {
	rode        bool // it leads on to others
	mode        message.Mode
	operator    string // of the terminal, by the registry
	began, paid [message.TimeLen]byte
}

// made reads the taps of a card; entries are parts of trips, and loads no taps.
func (r *Rules) made(edition *index.Edition, values [][]byte) (all []made) {
	for _, value := range values {
		t := tap{record: &docket.Record{Value: value}}
		if t.decode() != verdict.None || isProof(&t.message) {
			continue
		}
		ride := t.message.Ride()
		if ride.Enters() {
			continue
		}
		t.place(edition, r)
		terminal, _ := edition.Terminal(t.signed.Terminal, t.day)
		m := made{
			rode: ride.Movement == message.Movement_MOVEMENT_SINGLE || ride.Movement == message.Movement_MOVEMENT_EXIT,
			mode: ride.Mode, operator: terminal.Operator, began: ride.Time, paid: ride.Time,
		}
		if ride.Movement == message.Movement_MOVEMENT_EXIT && bcd.Valid(ride.EntryTime[:]) && ride.EntryStation != 0 {
			m.began = ride.EntryTime
		}
		all = append(all, m)
	}
	return all
}
