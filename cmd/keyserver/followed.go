package keyserver

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// filesEvery is how often the clients' and the orders file are looked at.
const filesEvery = time.Second

// followed is a file of settings that is taken up when it changes. One that cannot be used changes
// nothing, and the service is not ready until it can.
type followed[T any] struct {
	what string // for the log: "clients' file"
	path string
	read func(path string) (*T, error)
	now  atomic.Pointer[T]

	seen   []byte
	unread atomic.Pointer[error] // why the file as it is now is not in use
}

// open reads the file for the first time.
func (f *followed[T]) open() error {
	f.seen, _ = os.ReadFile(f.path) // the error is that of read
	content, err := f.read(f.path)
	if err != nil {
		return err
	}
	f.now.Store(content)
	return nil
}

// check is a condition of readiness.
func (f *followed[T]) check(context.Context) error {
	if why := f.unread.Load(); why != nil {
		return *why
	}
	return nil
}

// follow looks at the file until ctx ends.
func (f *followed[T]) follow(ctx context.Context, log *slog.Logger) {
	if f.path == "" {
		return
	}
	tick := time.NewTicker(filesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		content, err := os.ReadFile(f.path)
		if err == nil && bytes.Equal(content, f.seen) {
			continue
		}
		f.seen = content
		read, err := f.read(f.path)
		if err != nil {
			if f.unread.Swap(&err) == nil {
				log.Error("key service: a file stays as it was", "file", f.what, "error", err)
			}
			continue
		}
		f.unread.Store(nil)
		f.now.Store(read)
		log.Info("key service: a changed file is taken up", "file", f.what)
	}
}
