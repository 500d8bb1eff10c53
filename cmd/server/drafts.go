package server

import (
	"context"
	"log/slog"
	"time"

	"citycard/clearing/registry"
	"citycard/clearing/rules"
	"citycard/cmd/books"
)

const (
	// draftsEvery is how often drafts are looked for that nobody has proposed.
	draftsEvery = time.Hour
	// draftsFor is how long they are kept.
	draftsFor = 3 * 24 * time.Hour
)

// forgetDrafts removes, until ctx ends, the rows and documents that were drafted and that nobody
// has proposed.
func forgetDrafts(ctx context.Context, b *books.Books, every, after time.Duration, log *slog.Logger) {
	changes, documents := registry.NewStore(b.Pool()), &rules.Store{Ledger: b.Ledger}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		n, err := changes.Forget(ctx, after)
		m := int64(0)
		if err == nil {
			m, err = documents.Forget(ctx, after)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("drafts that nobody has proposed are not removed; they will be", "error", err)
		case n > 0 || m > 0:
			log.Info("drafts that nobody has proposed are removed", "registry_changes", n, "documents", m)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
