package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/cmd/observe"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/embedded"
	"citycard/ledger/schema"
)

// books is the ledger's database, opened for a command.
type books struct {
	*ledger.Ledger
	url         string
	description string
	database    *embedded.Database
	told        atomic.Bool // that the database has ended, so that Close need not
	retries     *prometheus.CounterVec
}

// openBooks opens the database at url, or the private one in dir, and brings its
// tables up to date: for serve and demo.
func openBooks(ctx context.Context, url, dir string, conns int, log *slog.Logger, options ...ledger.ConnectOption) (*books, error) {
	return open(ctx, url, dir, log, func(b *books) error {
		if _, err := schema.Migrate(ctx, b.url, log, observe.Sets()...); err != nil {
			return observe.Refusal(b.url, err)
		}
		return b.connect(ctx, conns, log, options...)
	})
}

// open opens the database and has it prepared.
func open(ctx context.Context, url, dir string, log *slog.Logger, prepare func(*books) error) (*books, error) {
	database, err := embedded.Open(ctx, embedded.Options{URL: url, Dir: dir, Log: log})
	if err != nil {
		todo := "check --db, or that the data directory may be used by PostgreSQL's user"
		if isFull(err) {
			todo = "free some space / 请释放磁盘空间"
		}
		return nil, service.Fail("cannot use the database / 数据库不可用", todo, err)
	}
	b := &books{url: database.URL, description: database.Description, database: database}
	if err := prepare(b); err != nil {
		return nil, firstOf(err, database.Close())
	}
	return b, nil
}

func (b *books) connect(ctx context.Context, conns int, log *slog.Logger, options ...ledger.ConnectOption) error {
	pool, dialect, err := ledger.Connect(ctx, b.url, conns, options...)
	if err != nil {
		return observe.Refusal(b.url, err)
	}
	b.retries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "citycard_ledger_retries_total", Help: "Transactions of the ledger that were tried again, by cause.",
	}, []string{"cause"})
	b.Ledger = ledger.New(pool, dialect, ledger.WithLog(log), ledger.WithRetryHook(func(cause string) { b.retries.WithLabelValues(cause).Inc() }))
	return nil
}

// Close closes the connections and stops a private database.
func (b *books) Close(context.Context) error {
	b.Pool().Close()
	err := b.database.Close()
	if ended := (*embedded.EndedError)(nil); errors.As(err, &ended) && b.told.Load() {
		return nil
	}
	return err
}

// ready asks the database for an answer.
func (b *books) ready(ctx context.Context) error {
	conn, err := b.Pool().Acquire(ctx)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer conn.Release()
	return conn.Conn().Ping(ctx)
}

// opener is booksOf or booksToRead.
type opener func(ctx context.Context, url, data string, log *slog.Logger) (*books, func() error, error)

// booksOf opens the books for a command that books something. Its tables are those
// that serve made, or the command is refused.
func booksOf(ctx context.Context, url, data string, log *slog.Logger) (*books, func() error, error) {
	return booksFromTheSide(ctx, url, data, log)
}

// booksToRead opens the books for a command that looks in from the side and needs no
// right but to read.
func booksToRead(ctx context.Context, url, data string, log *slog.Logger) (*books, func() error, error) {
	return booksFromTheSide(ctx, url, data, log, ledger.ReadOnly())
}

func booksFromTheSide(ctx context.Context, url, data string, log *slog.Logger, options ...ledger.ConnectOption) (*books, func() error, error) {
	place, err := observe.Locate(ctx, url, data, log)
	if err != nil {
		return nil, nil, err
	}
	b, err := open(ctx, place.URL, place.Private, log, func(b *books) error {
		if err := observe.Check(ctx, b.url); err != nil {
			return err
		}
		return b.connect(ctx, 4, log, options...)
	})
	if err != nil {
		return nil, nil, errors.Join(err, place.Close())
	}
	return b, func() error { return errors.Join(b.Close(ctx), place.Close()) }, nil
}
