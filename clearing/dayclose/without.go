package dayclose

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/history"
	"citycard/ledger"
)

// Without notes in the audit that two people close a day without streams that stand, and how
// far each was. Call it before Close, once everything else has been consumed: what the
// streams hold then is booked in the day in which it is read. Noted again, nothing changes.
func (c *Closer) Without(ctx context.Context, streams []history.Unread, by ledger.Approval) error {
	if err := by.Validate(); err != nil {
		return err
	}
	err := c.Ledger.Write(ctx, func(tx pgx.Tx) error {
		for _, u := range streams {
			noted, err := noted(ctx, tx, u)
			if err != nil {
				return err
			}
			if noted {
				continue
			}
			if err := ledger.Approve(ctx, tx, history.ActCloseWithout, u.String(), by); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what the day is closed without: %w", err)
	}
	return nil
}

// noted reports whether the audit has the stream for the day.
func noted(ctx context.Context, tx pgx.Tx, u history.Unread) (bool, error) {
	rows, err := tx.Query(ctx, "SELECT what FROM audit WHERE act = $1", history.ActCloseWithout)
	if err != nil {
		return false, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return slices.ContainsFunc(all, func(what string) bool {
		of, err := history.ParseUnread(what)
		return err == nil && of.Day == u.Day && of.Stream == u.Stream
	}), err
}

// Unread lists what a day is closed without.
func (c *Closer) Unread(ctx context.Context, day ledger.Day) ([]history.Unread, error) {
	return c.archive().Unread(ctx, day)
}
