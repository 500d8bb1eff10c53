package dayclose

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/counters"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// Without notes in the audit that two people close a day without streams that make no progress, and
// how far each of them was. Call it before Close, once everything else has been consumed. The rest
// of those streams is booked in the day in which it is read. A second call with the same streams
// changes nothing.
func (c *Closer) Without(ctx context.Context, streams []counters.Unread, by ledger.Approval) error {
	if err := by.Validate(); err != nil {
		return err
	}
	err := c.Ledger.Write(ctx, func(tx pgx.Tx) error {
		entries, err := ledger.AuditIn(ctx, tx, counters.ActCloseWithout)
		if err != nil {
			return err
		}
		first := by
		for _, u := range streams {
			if slices.ContainsFunc(entries, func(e chain.AuditEntry) bool { return isOf(&e, u) }) {
				continue
			}
			if err := ledger.Approve(ctx, tx, counters.ActCloseWithout, u.String(), first); err != nil {
				return err
			}
			first.Check = nil // one decision about all of them
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what the day is closed without: %w", err)
	}
	return nil
}

// isOf reports whether an audit entry names the stream for the day.
func isOf(e *chain.AuditEntry, u counters.Unread) bool {
	of, err := counters.ParseUnread(e.What)
	return err == nil && of.Day == u.Day && of.Stream == u.Stream
}

// Unread lists what a day is closed without.
func (c *Closer) Unread(ctx context.Context, day ledger.Day) ([]counters.Unread, error) {
	return c.checker().Unread(ctx, day)
}
