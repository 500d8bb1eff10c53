package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/embedded"
)

// Open opens the books at a database's URL or, where that is empty, those of a data
// directory of citycard: the database of the process that serves it, else its private
// one, which is started for the time being. Nothing is written or migrated. done
// closes what was opened.
func Open(ctx context.Context, url, data string, log *slog.Logger) (l *ledger.Ledger, done func() error, err error) {
	release := func() error { return nil }
	if url == "" {
		url = servedFrom(ctx, data)
	}
	private := filepath.Join(data, "postgres")
	if url == "" {
		if _, err := os.Stat(private); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, service.Fail("no books in "+data, "name a directory that citycard serve or demo has used, or a database", nil)
		}
		dir, err := service.OpenDataDir(data, "citycard")
		if err != nil {
			return nil, nil, err
		}
		release = dir.Close
	}
	database, err := embedded.Open(ctx, embedded.Options{URL: url, Dir: private, Log: log})
	if err != nil {
		return nil, nil, errors.Join(service.Fail("cannot use the database", "start it or correct its URL", err), release())
	}
	pool, dialect, err := ledger.Connect(ctx, database.URL, 2)
	if err != nil {
		return nil, nil, errors.Join(service.Fail("cannot use the database", "start it or correct its URL", err), database.Close(), release())
	}
	return ledger.New(pool, dialect, ledger.WithLog(log)), func() error {
		pool.Close()
		return errors.Join(database.Close(), release())
	}, nil
}

// servedFrom is the database of the process that serves a data directory, if one
// left word and its database answers.
func servedFrom(ctx context.Context, data string) string {
	var running struct {
		Database string `json:"database"`
	}
	text, err := os.ReadFile(filepath.Join(data, "running.json"))
	if err != nil || json.Unmarshal(text, &running) != nil {
		return ""
	}
	conn, err := pgx.Connect(ctx, running.Database)
	if err != nil {
		return ""
	}
	if err := conn.Close(ctx); err != nil {
		return ""
	}
	return running.Database
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
