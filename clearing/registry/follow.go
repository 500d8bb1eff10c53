package registry

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
)

// What the audit calls a change by which the registry follows acts at counters, and one by which it
// gets cards that were made.
const (
	ActFollow = "registry follows cards"
	ActIssued = "registry follows issued cards"
)

// Follow puts files in force that follow from acts at counters: cards that were reported lost, last
// days of use that were extended, and cards that were made. Nobody decides them once more; act is
// what the audit calls it. done runs in the transaction
// with the number of the change. ErrStale says that another change came in between: then nothing
// was done. Without new rows there is no change, and its number is 0.
func Follow(ctx context.Context, l *ledger.Ledger, act string, files Files, done func(ctx context.Context, tx pgx.Tx, change int64) error) error {
	store := NewStore(l.Pool())
	base, err := store.Load(ctx)
	if err != nil {
		return err
	}
	draft, err := Bounds{}.ReadFiles(files, base)
	if err != nil {
		return fmt.Errorf("follow acts at counters: %w", err)
	}
	if draft.count == 0 {
		return l.Write(ctx, func(tx pgx.Tx) error { return done(ctx, tx, 0) })
	}
	content, err := store.keepNew(ctx, draft)
	if err != nil {
		return err
	}
	return store.enters(ctx, content, act, func(ctx context.Context, tx pgx.Tx, what string) error {
		if err := done(ctx, tx, content.Change); err != nil {
			return err
		}
		return ledger.Record(ctx, tx, act, what, ledger.Approval{})
	})
}
