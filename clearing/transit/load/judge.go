package load

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Paid finds the amounts of authorised and of refunded loads: one entry a key, 0 where there is
// none. A row in the books never changes, so the answer may be read before the transaction that
// relies on it. Whether one of the loads was refunded since must be checked inside the transaction
// (docket.Absent).
type Paid func(ctx context.Context, orders []ledger.Key) ([]ledger.Fen, error)

// Standing sets each order to its first attempt that was not refunded, and returns what was paid
// for it, 0 if nothing was.
func Standing(ctx context.Context, paid Paid, orders []*Order) ([]ledger.Fen, error) {
	amounts := make([]ledger.Fen, len(orders))
	open := make([]int, len(orders))
	for i := range open {
		open[i] = i
	}
	for len(open) > 0 {
		keys := make([]ledger.Key, 0, 2*len(open))
		for _, i := range open {
			keys = append(keys, orders[i].Paid(), orders[i].Refunded())
		}
		found, err := paid(ctx, keys)
		if err != nil {
			return nil, fmt.Errorf("load: read paid orders: %w", err)
		}
		var refunded []int
		for n, i := range open {
			switch {
			case found[2*n+1] == 0:
				amounts[i] = found[2*n]
			case orders[i].Load.Attempt < identity.MaxAttempt:
				orders[i].Load.Attempt++
				refunded = append(refunded, i)
			}
		}
		open = refunded
	}
	return amounts, nil
}

// Judge rules on the records of written loads.
type Judge struct {
	TACs    *keys.TACs
	Paid    Paid
	Written Written
	Rules   func() (rules *Rules, edition string) // those in force
}

// written is one decoded record.
type written struct {
	record  docket.Record
	message *message.Load
	signed  keys.LoadRecord
	at      rulefile.Moment // signed; 0 where it is none
	day     ledger.Day
	order   Order

	otherTAC []byte // the second candidate; mostly none
}

// Order is what a paid load is known by: a card uses an online sequence once.
type Order struct {
	Card ledger.Subject
	Load identity.Load
}

// Paid is the key of the order's money as the channel paid it.
func (o Order) Paid() ledger.Key {
	return ledger.Key{Day: identity.NoDay, Subject: o.Card, ID: identity.LoadAuthorised(o.Load)}
}

// Refunded is the key of the same money given back.
func (o Order) Refunded() ledger.Key {
	return ledger.Key{Day: identity.NoDay, Subject: o.Card, ID: identity.LoadRefunded(o.Load)}
}

// Rule decides every record and adds it to the docket, in order.
func (j *Judge) Rule(ctx context.Context, records []docket.Record, d *docket.Docket) error {
	rules, named := j.Rules()
	d.Versions = map[string]string{"rules": named}
	loads := make([]written, 0, len(records))
	signed := make([]keys.LoadRecord, 0, len(records))
	orders := make([]*Order, 0, len(records))
	faults := make([]verdict.Reason, len(records))
	for i, record := range records {
		l, reason := decode(record)
		if faults[i] = reason; reason == verdict.None {
			loads = append(loads, l)
			signed = append(signed, l.signed)
		}
	}
	verified := make([]bool, len(signed))
	if err := j.TACs.VerifyLoads(ctx, signed, verified); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if err := j.verifyOther(ctx, loads, signed, verified); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	for i := range loads {
		orders = append(orders, &loads[i].order)
	}
	paid, err := Standing(ctx, j.Paid, orders)
	if err != nil {
		return err
	}
	said, err := j.Written(ctx, orders)
	if err != nil {
		return err
	}
	words := words{}
	next := 0
	for i, record := range records {
		if faults[i] != verdict.None {
			d.Reject(faults[i], "load", record.Offset, record.Value)
			continue
		}
		if !verified[next] {
			d.Reject(verdict.BadTAC, "load", record.Offset, record.Value)
		} else {
			j.post(rules, &loads[next], paid[next], words.first(&loads[next], said[next]), d)
		}
		next++
	}
	return nil
}

// verifyOther tries the second code of the records whose counter could not tell which of two codes
// is the TAC.
func (j *Judge) verifyOther(ctx context.Context, loads []written, signed []keys.LoadRecord, verified []bool) error {
	var places []int
	var again []keys.LoadRecord
	for i := range loads {
		if other := loads[i].otherTAC; !verified[i] && len(other) > 0 {
			signed[i].TAC = keys.MAC(other)
			places, again = append(places, i), append(again, signed[i])
		}
	}
	verdicts := make([]bool, len(again))
	if err := j.TACs.VerifyLoads(ctx, again, verdicts); err != nil {
		return err
	}
	for i, place := range places {
		verified[place] = verdicts[i]
	}
	return nil
}

// maximum is what a purse may hold at the signed second, or as the clearing day begins where that
// is none.
func (r *Rules) maximum(l *written, clearing ledger.Day) ledger.Fen {
	if l.day == identity.NoDay {
		return r.PurseMaximum(rulefile.StartOf(clearing))
	}
	return r.PurseMaximum(l.at)
}

// holds is what the purse holds after the load without its overdraft allowance.
func (r *Rules) holds(l *written, clearing ledger.Day) ledger.Fen {
	at := l.at
	if l.day == identity.NoDay {
		at = rulefile.StartOf(clearing)
	}
	return r.own(l.signed.NewBalance, l.message.GetOverdraftFen(), at)
}

func decode(record docket.Record) (written, verdict.Reason) {
	m := &message.Load{}
	l := written{record: record, message: m}
	if len(record.Value) > message.RecordLimit {
		return written{}, verdict.InvalidField
	}
	if err := proto.Unmarshal(record.Value, m); err != nil {
		return written{}, verdict.Undecodable
	}
	s := &l.signed
	if !message.Fixed(s.Card.ASN[:], m.GetCard()) || !message.Fixed(s.Card.Issuer[:], m.GetIssuer()) ||
		!message.Fixed(s.Terminal[:], m.GetTerminal()) || !message.Fixed(s.Time[:], m.GetTime()) || !message.Fixed(s.TAC[:], m.GetTac()) ||
		!message.FixedOrAbsent(m.GetOtherTac(), len(s.TAC)) || m.GetKeyVersion() > 0xFF || m.GetOnlineSequence() > 0xFFFF || m.GetAmountFen() == 0 {
		return written{}, verdict.InvalidField
	}
	if m.GetType() != TypeLoad {
		return written{}, verdict.TransactionType
	}
	s.KeyVersion = byte(m.GetKeyVersion())
	s.NewBalance, s.Amount = m.GetNewBalanceFen(), m.GetAmountFen()
	s.OnlineSequence, s.Type = uint16(m.GetOnlineSequence()), byte(m.GetType())
	if m.GetOtherTacReason() == message.Unsure_UNSURE_TORN_LOAD {
		l.otherTAC = m.GetOtherTac() // without the reason it would only be a second guess
	}
	l.day, _ = identity.SignedDay(s.Time)
	l.at, _ = rulefile.SignedMoment(s.Time)
	l.order = Order{identity.CardOf(s.Card).Subject(), identity.Load{Kind: s.Type, Sequence: s.OnlineSequence}}
	return l, verdict.None
}

// words has, for each load of a batch, the day of the card's first confirmation in the batch.
type words map[ledger.Key]ledger.Day

// first reports whether a record is the card's first confirmation of its load, or a repeat of that
// one. said is the day of the confirmation that the books have, 0 for none.
func (w words) first(l *written, said ledger.Day) bool {
	load := ledger.Key{Subject: l.order.Card, ID: identity.LoadWritten(l.signed.Type, l.signed.OnlineSequence)}
	if said == 0 {
		said = w[load]
	}
	if said == 0 {
		said = l.day
		w[load] = said
	}
	return said == l.day
}

// post books a load that the card has confirmed, against the paid order. It books against suspense
// if no payment is known, or if the order was refunded since. An order pays for one load, so a
// second confirmation of it, signed for another day, is booked against suspense too. So is a load
// after which the purse holds more than any purse may.
func (j *Judge) post(rules *Rules, l *written, paid ledger.Fen, first bool, d *docket.Docket) {
	reason := verdict.None
	switch {
	case paid == 0 || !first:
		reason = verdict.LoadNotPaid
	case paid != ledger.Fen(l.signed.Amount):
		reason = verdict.LoadAmount
	case rules.holds(l, d.Source.Day) > rules.maximum(l, d.Source.Day):
		reason = verdict.LoadTooHigh
	}
	if reason != verdict.LoadNotPaid {
		d.Absent = append(d.Absent, l.order.Refunded())
	}
	from := chart.Unwritten
	if reason != verdict.None {
		from = chart.Suspense(reason)
	}
	ruling := d.Pay(reason, chart.PurposeName(chart.PurposeLoad), ledger.Transfer{
		Day: l.day, Subject: l.order.Card, ID: identity.LoadWritten(l.signed.Type, l.signed.OnlineSequence),
		Debit: ledger.IDOfCode(from), Credit: ledger.IDOfCode(chart.Float), Amount: ledger.Fen(l.signed.Amount), Purpose: chart.PurposeLoad, Evidence: l.record.Value,
	})
	ruling.Record = l.message
	if reason == verdict.None {
		ruling.Short = docket.Short{Reason: verdict.LoadUncovered, Debit: ledger.IDOfCode(chart.Suspense(verdict.LoadUncovered))}
	}
}
