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

// Finish finds out whether the card has paid what Pay was to take, and has it pay if it has not.
func (d *Drain) Finish(ctx context.Context, c apdu.Card, id keys.CardID, fen uint32, at time.Time) error {
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return err
	}
	if p.ID() != id {
		return ErrSwapped
	}
	s, err := d.Book.Settle(ctx, c, at, func(ctx context.Context, c apdu.Card, open *card.UnknownError) (*message.Tap, error) {
		return card.Resolve(ctx, c, d.Module, open)
	})
	if err != nil {
		return err
	}
	for _, tap := range s.Paid {
		if tap.GetDebit().GetAmountFen() == fen {
			return nil
		}
	}
	if paid, err := d.logged(ctx, p, fen); err != nil || paid {
		return err
	}
	_, err = d.Pay(ctx, c, id, fen, at)
	return err
}

// logged reports whether the last payment of the card is that of its balance, here.
func (d *Drain) logged(ctx context.Context, p *card.Purse, fen uint32) (bool, error) {
	holds, err := p.Balance(ctx)
	if err != nil || holds != 0 {
		return false, err
	}
	log, err := p.Log(ctx)
	if err != nil || len(log) == 0 {
		return false, err
	}
	here := d.Module.Terminal()
	return log[0].Type == purse.TypeEPPurchase && log[0].Amount == fen && bytes.Equal(log[0].Terminal[:], here[:]), nil
}
