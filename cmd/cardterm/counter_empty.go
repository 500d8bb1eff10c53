package main

import (
	"context"
	"errors"
	"os"

	"citycard/clearing/cards"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/intent"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
)

// errNoSAM: a card's balance is paid at a SAM.
var errNoSAM = language.Textf("the counter has no SAM, at which the card could pay its balance")

// open opens the counter's SAM, if it is not open.
func (t *till) openSAM(ctx context.Context) error {
	if t.drain != nil {
		return nil
	}
	if t.module.reader == "" && t.module.path == "" {
		return service.Refuse("nothing was done").Todo("start the counter with --sam READER").Because(errNoSAM)
	}
	t.module.terminal, t.module.demo = t.till.terminal, t.centre.demo
	s, err := t.module.open(ctx, t.stand.readers, t.dir.Join("sam.img"))
	if err != nil {
		return err
	}
	book, err := intent.Open(t.purse, intent.Place{})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	t.seat, t.drain = s, &counter.Drain{Module: s.module, Book: book, Medium: message.Medium_MEDIUM_CONTACT}
	return nil
}

// closeSAM lets the SAM go; the next card opens it again.
func (t *till) closeSAM() error {
	s := t.seat
	t.seat, t.drain = nil, nil
	return s.Close()
}

// empty has the card that was shown pay its balance. The act is on the disk before, so that a card
// that is pulled, or a counter that stops, is taken up again.
func (t *till) empty(ctx context.Context, p *planned) error {
	if err := t.openSAM(ctx); err != nil {
		return err
	}
	if err := t.purse.Ready(); err != nil {
		return service.Fail("no card is taken back").Todo("make room on the disk of --data, or start the counter again").Because(err)
	}
	if err := t.keep(&pendingStep{Order: p.Order, Reason: p.Reason, Empties: &p.Seen.ID}); err != nil {
		return err
	}
	err := t.stand.with(ctx, t.wait, func(ctx context.Context, held *reader.Card) error {
		tap, err := t.drain.Pay(ctx, held, p.Seen.ID, uint32(p.Order.Emptied), t.now())
		if err == nil {
			p.Order.Tap = tapName(counter.PaidBy(tap))
		}
		return err
	})
	if err == nil {
		return nil
	}
	if err = t.lost(err); errors.As(err, new(*card.UnknownError)) {
		return notKnown(err)
	}
	return errors.Join(err, os.Remove(t.pendingPath()))
}

// tapName names the tap by which a card has paid its balance.
func tapName(paid counter.Paid) string { return cards.TapName(paid.Terminal[:], paid.Time[:]) }

// emptied finds out whether the card of an act has paid its balance, and has it pay if it has not.
func (t *till) emptied(ctx context.Context, p *pendingStep) error {
	if err := t.openSAM(ctx); err != nil {
		return err
	}
	err := t.stand.with(ctx, t.wait, func(ctx context.Context, held *reader.Card) error {
		paid, err := t.drain.Finish(ctx, held, *p.Empties, uint32(p.Order.Emptied), t.now())
		if err == nil {
			p.Order.Tap = tapName(paid)
		}
		return err
	})
	return notKnown(t.lost(err))
}

// lost lets a SAM go that has failed.
func (t *till) lost(err error) error {
	if _, broken := errors.AsType[*sam.Error](err); broken {
		return errors.Join(err, t.closeSAM())
	}
	return err
}

// notKnown says what an outcome means that is not known.
func notKnown(err error) error {
	if !errors.As(err, new(*card.UnknownError)) {
		return err
	}
	return service.Fail("whether the card has paid its balance is not known").Todo("put the same card in and give cardterm counter again; give no money back before").Because(err)
}
