package counter

import (
	"bytes"
	"context"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/intent"
	"citycard/terminals/sam"
)

// Drain has cards that are taken back pay their whole balance at the counter's own SAM: the code of
// that payment proves the cash that the customer is given. Each payment is on the disk before the
// card is told to make it, as a gate's.
type Drain struct {
	Module *sam.Module
	Book   *intent.Book
	Medium message.Medium
}

// ErrUsed: the card does not hold what was shown, and the counter did not take it.
var ErrUsed = language.Textf("the card was used since: its balance is not what was shown")

// Pay has the card pay what it holds, which is what was shown. After an *card.UnknownError Finish
// tells with the same card. After any other error it has not paid.
func (d *Drain) Pay(ctx context.Context, c apdu.Card, id keys.CardID, fen uint32, at time.Time) (*message.Tap, error) {
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.ID() != id {
		return nil, ErrSwapped
	}
	if holds, err := p.Balance(ctx); err != nil || int64(holds) != int64(fen) {
		if err == nil {
			err = ErrUsed
		}
		return nil, err
	}
	tap, err := p.Pay(ctx, d.Module, card.Payment{
		Kind: purse.TypeEPPurchase, Amount: fen, Time: bcd.Time(at), Before: d.Book.Begin,
		Tap: &message.Tap{Medium: d.Medium, CardType: uint32(p.Region.CardType)},
	})
	if failed := d.Book.End(tap, err); failed != nil { // the intent is on the disk
		return nil, &card.UnknownError{Tap: tap, Err: failed}
	}
	return tap, err
}

// Paid is when a card has paid, as it has signed it, and where.
type Paid struct {
	Terminal [6]byte
	Time     [7]byte
}

// PaidBy reads that of a tap.
func PaidBy(tap *message.Tap) (p Paid) {
	copy(p.Terminal[:], tap.GetDebit().GetTerminal())
	copy(p.Time[:], tap.GetDebit().GetTime())
	return p
}

// Finish finds out whether the card has paid what Pay was to take, and has it pay if it has not.
func (d *Drain) Finish(ctx context.Context, c apdu.Card, id keys.CardID, fen uint32, at time.Time) (Paid, error) {
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return Paid{}, err
	}
	if p.ID() != id {
		return Paid{}, ErrSwapped
	}
	s, err := d.Book.Settle(ctx, c, at, func(ctx context.Context, c apdu.Card, open *card.UnknownError) (*message.Tap, error) {
		return card.Resolve(ctx, c, d.Module, open)
	})
	if err != nil {
		return Paid{}, err
	}
	for _, tap := range s.Paid {
		if tap.GetDebit().GetAmountFen() == fen {
			return PaidBy(tap), nil
		}
	}
	if paid, ok, err := d.logged(ctx, p, fen); err != nil || ok {
		return paid, err
	}
	tap, err := d.Pay(ctx, c, id, fen, at)
	return PaidBy(tap), err
}

// logged reports whether the last payment of the card is that of its balance, here.
func (d *Drain) logged(ctx context.Context, p *card.Purse, fen uint32) (Paid, bool, error) {
	holds, err := p.Balance(ctx)
	if err != nil || holds != 0 {
		return Paid{}, false, err
	}
	log, err := p.Log(ctx)
	if err != nil || len(log) == 0 {
		return Paid{}, false, err
	}
	here := d.Module.Terminal()
	last := &log[0]
	return Paid{last.Terminal, last.Time}, last.Type == purse.TypeEPPurchase && last.Amount == fen && bytes.Equal(last.Terminal[:], here[:]), nil
}
