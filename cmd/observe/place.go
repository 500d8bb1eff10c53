package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/clearing/broker"
	"citycard/cmd/service"
	"citycard/ledger/schema"
)

// DataPurpose marks the data directories of citycard serve and demo.
const DataPurpose = "citycard"

// Running is what a serving process leaves in its data directory for other
// commands, for as long as it runs.
type Running struct {
	Database string        `json:"database"`
	Kafka    string        `json:"kafka"`
	Access   broker.Access `json:"access"` // what Kafka asks for
}

// RunningFile is where it leaves it.
const RunningFile = "running.json"

// Write leaves word in a data directory.
func (r Running) Write(dir string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	// The database's password is in it: for the owner only.
	if err := os.WriteFile(filepath.Join(dir, RunningFile), data, 0o600); err != nil {
		return fmt.Errorf("leave word in the data directory: %w", err)
	}
	return nil
}

// ReadRunning finds the serving process of a data directory, if one left word.
func ReadRunning(dir string) (Running, bool) {
	var r Running
	data, err := os.ReadFile(filepath.Join(dir, RunningFile))
	if err != nil || json.Unmarshal(data, &r) != nil {
		return Running{}, false
	}
	return r, true
}

// Place is where books are: in the database at URL or, where that is empty, in the
// private one in the directory Private, which is held until Close.
type Place struct {
	URL     string
	Private string
	held    *service.DataDir
}

// PrivateDir is where a data directory has its private database.
func PrivateDir(data string) string { return filepath.Join(data, "database") }

// Locate finds the books for a command that looks in from the side: at url where it
// is given, else with the process that serves the data directory, if its database
// answers, else in the private database.
func Locate(ctx context.Context, url, data string) (*Place, error) {
	place := &Place{URL: url, Private: PrivateDir(data)}
	if r, ok := ReadRunning(data); ok && url == "" {
		if conn, err := schema.Connect(ctx, r.Database); err == nil {
			if err := conn.Close(ctx); err != nil {
				return nil, fmt.Errorf("close the trial connection: %w", err)
			}
			place.URL = r.Database
		}
	}
	if place.URL != "" {
		return place, nil
	}
	if _, err := os.Stat(place.Private); errors.Is(err, fs.ErrNotExist) {
		return nil, service.Fail("no books in "+data+" / 数据目录中没有账簿", "name a directory that citycard serve or demo has used, or give --db", nil)
	}
	var err error
	place.held, err = service.OpenDataDir(data, DataPurpose)
	return place, err
}

// Close gives a data directory that was held up.
func (p *Place) Close() error {
	if p.held == nil {
		return nil
	}
	return p.held.Close()
}
