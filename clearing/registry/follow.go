package registry

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// What the audit calls a change by which the registry follows acts at counters, and one by which it
// gets cards that were made.
const (
	ActFollow = "registry follows cards"
	ActIssued = "registry follows issued cards"
)

// Follower makes changes of the registry one after another. It reads the registry once, at the
// first one.
type Follower struct {
	ledger *ledger.Ledger
	store  *Store
	base   *index.Edition
}

// NewFollower follows acts in the books.
func NewFollower(l *ledger.Ledger) *Follower { return &Follower{ledger: l, store: NewStore(l.Pool())} }

// Follow puts files in force that follow from acts at counters: cards that were reported lost, last
// days of use that were extended, and cards that were made. Nobody decides them once more; act is
// what the audit calls it. done runs in the transaction
// with the number of the change. ErrStale says that another change came in between: then nothing
// was done, and the next call needs another Follower. Without new rows there is no change, and its
// number is 0.
func (f *Follower) Follow(ctx context.Context, act string, files Files, done func(ctx context.Context, tx pgx.Tx, change int64) error) error {
	if f.base == nil {
		base, err := f.store.Load(ctx)
		if err != nil {
			return err
		}
		f.base = base
	}
	draft, err := Bounds{}.ReadFiles(files, f.base)
	if err != nil {
		return fmt.Errorf("follow acts at counters: %w", err)
	}
	if draft.count == 0 {
		return f.ledger.Write(ctx, func(tx pgx.Tx) error { return done(ctx, tx, 0) })
	}
	content, err := f.store.keepNew(ctx, draft)
	if err != nil {
		return err
	}
	err = f.store.enters(ctx, content, act, func(ctx context.Context, tx pgx.Tx, what string) error {
		if err := done(ctx, tx, content.Change); err != nil {
			return err
		}
		return ledger.Record(ctx, tx, act, what, ledger.Approval{})
	})
	if err == nil {
		f.base = draft.on(f.base)
	}
	return err
}
