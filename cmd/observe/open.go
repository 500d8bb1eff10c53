package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/embedded"
)

// Open opens the books at a database's URL or, where that is empty, those of a data
// directory of citycard: the database of the process that serves it, else its private
// one, which is started for the time being. Nothing is written or migrated. done
// closes what was opened.
func Open(ctx context.Context, url, data string, log *slog.Logger) (l *ledger.Ledger, done func() error, err error) {
	place, err := Locate(ctx, url, data, log)
	if err != nil {
		return nil, nil, err
	}
	database, err := embedded.Open(ctx, embedded.Options{URL: place.URL, Dir: place.Private, Log: log})
	if err != nil {
		return nil, nil, errors.Join(service.Fail("cannot use the database / 数据库不可用", "start it or correct its URL", err), place.Close())
	}
	if err := Check(ctx, database.URL); err != nil {
		return nil, nil, errors.Join(err, database.Close(), place.Close())
	}
	pool, dialect, err := ledger.Connect(ctx, database.URL, 2, ledger.ReadOnly())
	if err != nil {
		return nil, nil, errors.Join(Refusal(database.URL, err), database.Close(), place.Close())
	}
	return ledger.New(pool, dialect, ledger.WithLog(log)), func() error {
		pool.Close()
		return errors.Join(database.Close(), place.Close())
	}, nil
}

// File holds the export at path, "-" for standard input, against the truth.
func File(path, dir, scratch string) (f *Finding, err error) {
	if path == "-" {
		return Export(os.Stdin, dir, scratch)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return Export(file, dir, scratch)
}
