package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"citycard/terminals/reader"
)

// askAgain is the interval between two attempts to reach a smart card service that is away.
const askAgain = time.Second

// away reports that the smart card service or the reader is not there. Both can come back: pcscd is
// restarted, or the reader is plugged in again.
func away(err error) bool {
	return errors.Is(err, reader.ErrNoService) || errors.Is(err, reader.ErrNoReader)
}

// openAtLast opens a part that needs the smart card service, and waits for the service if it does
// not run yet. If the running service does not have the reader, that is an error.
func openAtLast(ctx context.Context, log *slog.Logger, open func() error) error {
	err := open()
	if err == nil || !errors.Is(err, reader.ErrNoService) {
		return err
	}
	return comeBack(ctx, log, err, open)
}

// comeBack repeats the opening until it succeeds. It logs once that it waits, and once that the
// wait is over. It returns an error that waiting cannot remove, or ctx's.
func comeBack(ctx context.Context, log *slog.Logger, why error, open func() error) error {
	log.Warn("the smart card service is away; waiting for it", logged(why))
	tick := time.NewTicker(askAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		err := open()
		if err == nil {
			log.Info("the smart card service is back")
			return nil
		}
		if !away(err) && !settling(err) {
			return err
		}
	}
}

// settling reports the errors that readers give just after their service has started, when the card
// in them has no power yet or is being powered.
func settling(err error) bool {
	return errors.Is(err, reader.ErrNoCard) || errors.Is(err, reader.ErrUnresponsive) || errors.Is(err, reader.ErrCardGone) || errors.Is(err, reader.ErrCardReset)
}
