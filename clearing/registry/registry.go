package registry

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"citycard/clearing/registry/index"
)

// Registry is the edition in force, for code that runs on while it changes. It is
// safe for concurrent use.
type Registry struct {
	current atomic.Pointer[index.Edition]
}

// New makes a registry whose current edition is e.
func New(e *index.Edition) *Registry {
	r := &Registry{}
	r.current.Store(e)
	return r
}

// Current is the edition in force now. Code that looks several things up for one decision calls it
// once.
func (r *Registry) Current() *index.Edition { return r.current.Load() }

// Version is the current edition's.
func (r *Registry) Version() string { return r.Current().Version() }

// Follow looks every so often whether the store has a newer version, and makes it current, until
// ctx ends. Before that it calls adopt with the change's rows alone, so that what they need, such
// as accounts, exists before the first record names them. While adopt or the database fails, the
// edition stays, and the failure is logged.
func (r *Registry) Follow(ctx context.Context, store *Store, every time.Duration, adopt func(context.Context, *index.Edition) error, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := r.Update(ctx, store, adopt); err != nil && ctx.Err() == nil {
			log.Error("the registry stays at its version", "version", r.Current().Version(), "error", err)
		}
	}
}

// Update adopts the store's newer versions one by one. Only one goroutine may call it.
func (r *Registry) Update(ctx context.Context, store *Store, adopt func(context.Context, *index.Edition) error) error {
	versions, err := store.versions(ctx, r.Current().Number())
	if err != nil {
		return err
	}
	for _, v := range versions {
		draft, err := store.draft(ctx, v, nil)
		if err != nil {
			return err
		}
		next := draft.on(r.Current())
		if next.Head() != v.head {
			return fmt.Errorf("registry version %d: %w", v.number, ErrAltered)
		}
		if err := adopt(ctx, draft.Edition()); err != nil {
			return fmt.Errorf("adopt version %d of the registry: %w", v.number, err)
		}
		r.current.Store(next)
	}
	return nil
}
