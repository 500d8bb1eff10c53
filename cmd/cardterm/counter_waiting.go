package main

import (
	"context"
	"errors"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// waits asks what waits for the card that was seen. A counter that cannot ask has nothing to write.
func (t *till) waits(ctx context.Context, s *counter.Seen) (left []counter.WaitingLoad, err error) {
	if t.loads == nil || s.Transit == nil {
		return nil, nil
	}
	asked, cancel := context.WithTimeout(ctx, officeLimit)
	defer cancel()
	list, err := t.loads.Waiting(asked, t.till.channel, s.ID)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	err = t.stand.with(ctx, t.wait, func(ctx context.Context, held *reader.Card) (err error) {
		left, err = t.desk.Waits(ctx, held, list)
		return err
	})
	return left, err
}

// writeWaiting writes what waits for the card that was seen. Nobody pays for it here.
func (t *till) writeWaiting(ctx context.Context, s *counter.Seen) (all []counter.Resolved, err error) {
	left, err := t.waits(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, w := range left {
		if err := t.room(); err != nil {
			return all, err
		}
		var load *message.Load
		err := t.stand.with(ctx, t.wait, func(ctx context.Context, held *reader.Card) (err error) {
			load, err = t.desk.Write(ctx, held, s.ID, w, t.now())
			return err
		})
		switch {
		case err == nil:
			all = append(all, counter.Resolved{Order: w.Order, Placer: w.Placer, Fen: w.Fen, Outcome: counter.Waited, Load: load})
		case counter.Over(err) && !errors.As(err, new(*counter.OpenError)): // another counter was first
		default:
			return all, err
		}
	}
	return all, nil
}

// waitingText says that an order was written that waited.
func waitingText(l *message.Load) *language.Text {
	return language.Textf("order %s: %s yuan that waited for the card are on it now", l.GetOrder(), yuan(l.GetAmountFen()))
}
