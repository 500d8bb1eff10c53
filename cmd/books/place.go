package books

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger/embedded"
	"citycard/ledger/schema"
)

// DataPurpose marks the data directories of citycard serve and demo.
const DataPurpose = "citycard"

// Place is where books are: in the database at URL or, where that is empty, in the
// private one in the directory Private, which is held until Close.
type Place struct {
	URL     string
	Private string
	held    *service.DataDir
}

// PrivateDir is where a data directory has its private database.
func PrivateDir(data string) string { return filepath.Join(data, "database") }

// Locate finds the books for a command that opens them itself: at url if it is given, else those of
// the process that serves the data directory, if its database answers, else in the private
// database. It waits for a process that is starting to serve. Who only looks gets the URL for that;
// others that of a private database.
func Locate(ctx context.Context, right Right, url, data string, log *slog.Logger) (place *Place, err error) {
	at := url
	if url == "" {
		if at, err = served(ctx, right, data, log); err != nil {
			return nil, err
		}
	}
	if at != "" {
		return &Place{URL: at, Private: PrivateDir(data)}, nil
	}
	return private(data, language.Textf("name a directory that citycard serve or demo has used, or give --db"))
}

// private is the private database of a data directory, which is held.
func private(data string, todo *language.Text) (place *Place, err error) {
	place = &Place{Private: PrivateDir(data)}
	if _, err := os.Stat(place.Private); errors.Is(err, fs.ErrNotExist) {
		return nil, service.NoBooks("no books in %s", data).Todo("%w", todo)
	}
	place.held, err = service.OpenDataDir(data, DataPurpose)
	return place, err
}

// served is the URL of the database of the process that serves the data directory, if one does and
// its database answers.
func served(ctx context.Context, right Right, data string, log *slog.Logger) (string, error) {
	r, ok, err := Serving(ctx, data, log)
	if err != nil || !ok {
		return "", err
	}
	at := r.Look
	if right != ToRead {
		at = embedded.Running(PrivateDir(data))
	}
	if at == "" {
		if service.InUse(data) {
			return "", service.Refuse("citycard serve of %s names no database for this command", data).Todo("give --db, with a user who may do it; for commands that only look, serve may be started with --db-look")
		}
		return "", nil
	}
	conn, err := schema.Connect(ctx, at)
	if err != nil {
		return "", nil // of a process that was killed, and the database is gone
	}
	if err := conn.Close(ctx); err != nil {
		return "", language.Textf("close the trial connection: %w", err)
	}
	return at, nil
}

// Close releases the data directory if it was held.
func (p *Place) Close() error {
	if p.held == nil {
		return nil
	}
	return p.held.Close()
}
