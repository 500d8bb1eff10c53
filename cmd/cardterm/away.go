package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"citycard/language"
	"citycard/terminals/reader"
)

// askAgain is the longest interval between two attempts to reach readers that are away.
const askAgain = time.Second

// away reports what comes back by itself, or by a hand at the reader: pcscd is started again, a
// reader is plugged in or out, a driver returns, another program or lane lets a card or reader go.
func away(err error) bool {
	for _, passing := range []error{
		reader.ErrNoService, reader.ErrNoReader, reader.ErrStalled, reader.ErrBusy, reader.ErrHeld, reader.ErrAmbiguous,
		// Readers answer so just after their service has started, when the card in them has no
		// power yet or is being powered.
		reader.ErrNoCard, reader.ErrUnresponsive, reader.ErrCardGone, reader.ErrCardReset,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// standing says in one line each that something is out of service, and that it goes on.
type standing struct {
	log   *slog.Logger
	why   string
	since time.Time
}

// stop says why, and returns false if that was said last.
func (s *standing) stop(err error) bool {
	why := err.Error()
	for _, known := range []*language.Text{reader.ErrNoService, reader.ErrNoReader, reader.ErrStalled, reader.ErrBusy, reader.ErrNoCard} {
		if errors.Is(err, known) {
			why = known.Error() // its details change from one attempt to the next
		}
	}
	if why == s.why {
		return false
	}
	if s.why == "" {
		s.since = time.Now()
	}
	s.why = why
	s.log.Warn("out of service", logged(err), "passenger", "out of service, use another one")
	return true
}

// goOn says that it goes on, and returns false if it had not stopped.
func (s *standing) goOn() bool {
	if s.why == "" {
		return false
	}
	s.why = ""
	s.log.Info("in service again", "after", time.Since(s.since).Round(time.Millisecond))
	return true
}

// comeBack repeats the opening until it succeeds, or fails with an error that waiting cannot
// remove.
func comeBack(ctx context.Context, s *standing, open func() error) error {
	for {
		err := open()
		if err == nil {
			s.goOn()
			return nil
		}
		if !away(err) {
			return err
		}
		s.stop(err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askAgain):
		}
	}
}
