package books

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/embedded"
	"citycard/ledger/schema"
)

// Books is the ledger's database, opened for a command.
type Books struct {
	*ledger.Ledger
	URL string
	// Look is the URL for those who only look; empty if none is known. Open makes it for a private
	// database.
	Look        string
	Description *language.Text
	Retries     *prometheus.CounterVec

	database *embedded.Database
	told     atomic.Bool // the end of the database was reported; Close need not report it
	place    *Place      // nil if Open was given the place

	rehearses bool
}

// Open opens the database at url, or the private one of a data directory, and brings its tables up
// to date: for serve and demo. The data directory may be "" where there is a url.
func Open(ctx context.Context, url, data string, conns int, log *slog.Logger, options ...ledger.ConnectOption) (*Books, error) {
	return open(ctx, url, PrivateDir(data), log, func(b *Books) error {
		if err := Identify(ctx, b.URL, data); err != nil {
			return err
		}
		if _, err := schema.Migrate(ctx, b.URL, log, Sets()...); err != nil {
			return Refusal(b.URL, err)
		}
		if url == "" {
			var err error
			if b.Look, err = letReaderIn(ctx, b.URL); err != nil {
				return err
			}
		}
		if err := b.connect(ctx, conns, log, options...); err != nil {
			return err
		}
		return b.keep(b.remember(ctx, data))
	})
}

// keep closes the connections again if something that needed them failed.
func (b *Books) keep(err error) error {
	if err != nil {
		b.Pool().Close()
	}
	return err
}

// Database opens the database at url, or the private one in dir, with whatever tables it has.
func Database(ctx context.Context, url, dir string, log *slog.Logger) (*embedded.Database, error) {
	database, err := embedded.Open(ctx, embedded.Options{URL: url, Dir: dir, Log: log})
	if err != nil {
		todo := language.Textf("check --db, or that the data directory may be used by PostgreSQL's user")
		if DiskFull(err) {
			todo = language.Textf("free some space")
		}
		return nil, service.Fail("cannot use the database").Todo("%w", todo).Because(err)
	}
	return database, nil
}

// DiskFull reports that a disk is full, in the system's words or in the database's.
func DiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "No space left on device")
}

func open(ctx context.Context, url, dir string, log *slog.Logger, prepare func(*Books) error) (*Books, error) {
	database, err := Database(ctx, url, dir, log)
	if err != nil {
		return nil, err
	}
	b := &Books{URL: database.URL, Description: database.Description, database: database}
	if err := prepare(b); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	return b, nil
}

func (b *Books) connect(ctx context.Context, conns int, log *slog.Logger, options ...ledger.ConnectOption) error {
	pool, dialect, err := ledger.Connect(ctx, b.URL, conns, options...)
	if err != nil {
		return Refusal(b.URL, err)
	}
	b.Retries = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "citycard_ledger_retries_total", Help: "Transactions of the ledger that were tried again, by cause.",
	}, []string{"cause"})
	set := []ledger.Option{ledger.WithLog(log), ledger.WithRetryHook(func(cause string) { b.Retries.WithLabelValues(cause).Inc() })}
	if b.rehearses {
		set = append(set, ledger.WithRehearsal())
	}
	b.Ledger = ledger.New(pool, dialect, set...)
	return nil
}

// Ended is closed when a private database has ended without being asked to.
func (b *Books) Ended() <-chan struct{} { return b.database.Ended() }

// Err says why a private database ended. Close does not say it again.
func (b *Books) Err() error {
	b.told.Store(true)
	return b.database.Err()
}

// Close closes the connections, stops a private database and releases a data directory that Find
// holds.
func (b *Books) Close(context.Context) error {
	b.Pool().Close()
	err := b.database.Close()
	if ended := (*embedded.EndedError)(nil); errors.As(err, &ended) && b.told.Load() {
		err = nil
	}
	if b.place != nil {
		err = errors.Join(err, b.place.Close())
	}
	return err
}

// Ready asks the database for an answer.
func (b *Books) Ready(ctx context.Context) error {
	conn, err := b.Pool().Acquire(ctx)
	if err != nil {
		return language.Textf("database: %w", err)
	}
	defer conn.Release()
	return conn.Conn().Ping(ctx)
}

// Right says what a command may do with the books that it opens.
type Right int

// The rights.
const (
	ToRead     Right = iota // a database user who may only look is enough (schema.Reader)
	ToVerify                // reads all tables, persons' too
	ToRehearse              // the command's changes are rolled back
	ToChange
)

// Find opens the books that Locate finds. It refuses tables that serve has not made or that this
// program does not know, and books that are not those of the data directory.
func Find(ctx context.Context, right Right, url, data string, log *slog.Logger) (*Books, error) {
	place, err := Locate(ctx, right, url, data, log)
	if err != nil {
		return nil, err
	}
	return find(ctx, right, place, data, log)
}

// Own opens the books of a data directory that has a private database and is not served, for a
// process that serves them itself.
func Own(ctx context.Context, right Right, data string, log *slog.Logger) (*Books, error) {
	place, err := private(data, language.Textf("name the directory of a citycard serve that runs, or one with a database of its own"))
	if err != nil {
		return nil, err
	}
	return find(ctx, right, place, data, log)
}

func find(ctx context.Context, right Right, place *Place, data string, log *slog.Logger) (*Books, error) {
	b, err := open(ctx, place.URL, place.Private, log, func(b *Books) error {
		if err := check(ctx, b.URL); err != nil {
			return err
		}
		if err := Identify(ctx, b.URL, data); err != nil {
			return err
		}
		var connecting []ledger.ConnectOption
		if right == ToRead || right == ToVerify {
			connecting = append(connecting, ledger.ReadOnly())
		}
		if right == ToRead && place.held != nil {
			connecting = append(connecting, ledger.As(schema.Reader))
		}
		b.rehearses = right == ToRehearse
		if err := b.connect(ctx, 4, log, connecting...); err != nil || right != ToChange {
			return err
		}
		return b.keep(b.remember(ctx, data))
	})
	if err != nil {
		return nil, errors.Join(err, place.Close())
	}
	b.place = place
	return b, nil
}

// CodeOf is the code of an account, for display; if the chart does not have the account, its
// number.
func CodeOf(accounts *ledger.Chart, id ledger.AccountID) string {
	if account, ok := accounts.ByID(id); ok {
		return account.Code
	}
	return fmt.Sprintf("#%d", id)
}

// Day is a flag that holds a clearing day; the zero value is none.
type Day ledger.Day

func (d *Day) String() string {
	if *d == 0 {
		return ""
	}
	return ledger.Day(*d).String()
}

// Set takes YYYYMMDD.
func (d *Day) Set(text string) error {
	parsed, err := ledger.ParseDay(text)
	if err != nil {
		return language.Textf("want a calendar day as YYYYMMDD")
	}
	*d = Day(parsed)
	return nil
}
