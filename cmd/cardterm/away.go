package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"citycard/terminals/reader"
)

// askAgain is how often a smart card service that is away is asked for.
const askAgain = time.Second

// away reports that the smart card service or the reader is not there. Both come back: pcscd is
// restarted, a plug is put in again.
func away(err error) bool {
	return errors.Is(err, reader.ErrNoService) || errors.Is(err, reader.ErrNoReader)
}

// openAtLast opens what needs the smart card service, and waits for it where it does not run
// yet. A reader that a running service does not have is an error.
func openAtLast(ctx context.Context, log *slog.Logger, open func() error) error {
	err := open()
	if err == nil || !errors.Is(err, reader.ErrNoService) {
		return err
	}
	return comeBack(ctx, log, err, open)
}

// comeBack opens again what has gone, as often as it takes. It says once that it waits, and
// once that this is over. Its error is one that waiting does not help against, or ctx's.
func comeBack(ctx context.Context, log *slog.Logger, why error, open func() error) error {
	log.Warn("the smart card service is away; waiting for it / 读卡服务中断,等待恢复", logged(why))
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
			log.Info("the smart card service is back / 读卡服务已恢复")
			return nil
		}
		if !away(err) && !settling(err) {
			return err
		}
	}
}

// settling reports what readers answer in the moments after their service has started: the card
// in them is not powered yet, or is powered just now.
func settling(err error) bool {
	return errors.Is(err, reader.ErrNoCard) || errors.Is(err, reader.ErrUnresponsive) || errors.Is(err, reader.ErrCardGone) || errors.Is(err, reader.ErrCardReset)
}
