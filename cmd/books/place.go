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

// Locate finds the books for a command other than serve: at url if it is given, else those of the
// process that serves the data directory, if its database answers, else in the private database. It
// waits for a process that is starting to serve.
func Locate(ctx context.Context, url, data string, log *slog.Logger) (*Place, error) {
	place := &Place{URL: url, Private: PrivateDir(data)}
	var r Running
	var ok bool
	if url == "" {
		var err error
		if r, ok, err = Serving(ctx, data, log); err != nil {
			return nil, err
		}
	}
	if ok {
		if conn, err := schema.Connect(ctx, r.Database); err == nil {
			if err := conn.Close(ctx); err != nil {
				return nil, language.Textf("close the trial connection: %w", err)
			}
			place.URL = r.Database
		}
	}
	if place.URL != "" {
		return place, nil
	}
	if _, err := os.Stat(place.Private); errors.Is(err, fs.ErrNotExist) {
		return nil, service.NoBooks("no books in %s", data).Todo("name a directory that citycard serve or demo has used, or give --db")
	}
	var err error
	place.held, err = service.OpenDataDir(data, DataPurpose)
	return place, err
}

// Close releases the data directory if it was held.
func (p *Place) Close() error {
	if p.held == nil {
		return nil
	}
	return p.held.Close()
}
