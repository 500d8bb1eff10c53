package main

import (
	"context"
	"errors"
	"time"

	"citycard/cardos/apdu"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/hotlist"
	"citycard/terminals/modes"
	"citycard/terminals/outbox"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
)

// desk makes the role of a desk at a place that has been checked.
func (p *placeFlags) desk(module *sam.Module, fares *tariff.Schedule, hot *hotlist.List, inForce *modes.List, before func(*message.Tap) error) (role, error) {
	here, err := p.metro()
	if err != nil {
		return role{}, err
	}
	d, err := station.New(module, station.Here{Place: here, Fares: fares, Hot: hot, Modes: inForce})
	if err != nil {
		return role{}, err
	}
	d.Intend(before)
	return role{resolve: d.Resolve, desk: d}, nil
}

// desk is the lane of a station's desk. It serves the card in its reader when its staff ask for
// that, and leaves it alone between.
type desk struct {
	*lane
	jobs  chan job
	exits exitBook
}

// job is what staff ask for.
type job struct {
	wait time.Duration // for a card
	work func(ctx context.Context, c apdu.Card, at time.Time) error
	done chan<- error
}

func deskOf(l *lane) *desk {
	d := &desk{lane: l, jobs: make(chan job)}
	l.turn = d.next
	return d
}

// next does one job. An error means that the session ends.
func (d *desk) next(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case j := <-d.jobs:
		answer, failed := d.handle(ctx, j)
		j.done <- answer
		return failed
	}
}

// handle does a job with the card in the reader. The first error is for who asked, the second ends
// the session.
func (d *desk) handle(ctx context.Context, j job) (answer, failed error) {
	waiting, cancel := context.WithTimeout(ctx, j.wait)
	defer cancel()
	d.reader.Again()
	held, err := d.reader.WaitCard(waiting)
	switch {
	case errors.Is(err, reader.ErrNoCard), errors.Is(err, reader.ErrBusy), errors.Is(err, reader.ErrUnresponsive):
		return err, nil
	case err != nil:
		return err, err
	}
	// A card that is being served is finished even if the program is told to stop.
	limited, done := context.WithTimeout(context.WithoutCancel(ctx), tapLimit)
	defer done()
	now := time.Now()
	d.busy.Store(now.Unix())
	defer d.busy.Store(0)
	err = j.work(limited, d.overheard(held), now.In(d.zone))
	d.last.Store(time.Now().Unix())
	if failed := held.Close(); failed != nil && err == nil {
		d.log.Warn("card not let go", logged(failed))
	}
	if d.reader.Stalled() {
		return err, language.Textf("%w (reader %s)", reader.ErrStalled, d.reader.Name())
	}
	if _, broken := errors.AsType[*sam.Error](err); broken || errors.Is(err, outbox.ErrBroken) {
		return err, err
	}
	return err, nil
}

// ask has a job done, and returns what it says. A desk that is out of service says why.
func (d *desk) ask(ctx context.Context, wait time.Duration, work func(ctx context.Context, c apdu.Card, at time.Time) error) error {
	done := make(chan error, 1)
	patient, cancel := context.WithTimeout(ctx, deskWait)
	defer cancel()
	select {
	case d.jobs <- job{wait, work, done}:
	case <-patient.Done():
		return d.outOfService(patient.Err())
	}
	return <-done
}

// deskWait is how long staff wait for a desk that is out of service.
const deskWait = 10 * time.Second

// look reads the card, after what it has to tell of payments whose outcome was not known: paid is
// an update that it has paid.
func (d *desk) look(ctx context.Context, wait time.Duration) (r station.Reading, at time.Time, paid *message.Tap, err error) {
	err = d.ask(ctx, wait, func(ctx context.Context, c apdu.Card, now time.Time) (err error) {
		at = now
		r, paid, err = d.lookNow(ctx, c, now)
		return err
	})
	return r, at, paid, err
}

func (d *desk) lookNow(ctx context.Context, c apdu.Card, at time.Time) (r station.Reading, paid *message.Tap, err error) {
	marks, err := d.policy.look(at)
	if err != nil { // so nothing is paid, not even 0 fen; correcting says why
		return station.Read(ctx, c), nil, nil //nolint:nilerr // the card can be looked at
	}
	d.marks = marks
	if paid, _, _, err = d.settle(ctx, c, at); err != nil {
		return r, nil, err
	}
	if paid != nil {
		d.paid(paid)
	}
	return station.Read(ctx, c), paid, nil
}

// peek reads the card, and nothing else.
func (d *desk) peek(ctx context.Context, wait time.Duration) (r station.Reading, at time.Time, err error) {
	err = d.ask(ctx, wait, func(ctx context.Context, c apdu.Card, now time.Time) error {
		r, at = station.Read(ctx, c), now
		return nil
	})
	return r, at, err
}

// here is the station, with what holds there now.
func (d *desk) here() (station.Here, error) {
	place, err := d.settings.place.metro()
	return station.Here{Place: place, Fares: d.fares.Schedule, Hot: d.hot, Modes: d.modes.List}, err
}

// correct carries an offer out: the tap is on the disk when it returns. It does not touch the card
// while there is no room for that.
func (d *desk) correct(ctx context.Context, wait time.Duration, o station.Offer) (tap *message.Tap, err error) {
	err = d.ask(ctx, wait, func(ctx context.Context, c apdu.Card, at time.Time) (err error) {
		tap, err = d.correctNow(ctx, c, o, at)
		return err
	})
	return tap, err
}

func (d *desk) correctNow(ctx context.Context, c apdu.Card, o station.Offer, at time.Time) (*message.Tap, error) {
	if err := d.out.Ready(); err != nil {
		d.taps.WithLabelValues(outcomeClosed).Inc()
		return nil, err
	}
	marks, err := d.policy.look(at)
	if err != nil {
		d.taps.WithLabelValues(outcomeClosed).Inc()
		return nil, err
	}
	d.marks = marks
	paid, _, at, err := d.settle(ctx, c, at)
	if err != nil {
		return nil, err
	}
	if paid != nil { // an earlier update; the card is not what was shown
		d.paid(paid)
		return nil, station.ErrChanged
	}
	tap, err := d.role.desk.Update(ctx, c, o, at)
	if failed := d.book.End(tap, err); failed != nil { // the card was told to pay, and its intent is on the disk
		if open, ok := errors.AsType[*card.UnknownError](err); ok {
			tap = open.Tap
		}
		return nil, &card.UnknownError{Tap: tap, Err: failed}
	}
	if failed := d.tell(tap, err); failed != nil {
		return tap, failed
	}
	return tap, err
}
