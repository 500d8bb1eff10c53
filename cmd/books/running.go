package books

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/broker"
	"citycard/durable"
)

// Running is what a serving process leaves in its data directory for other commands:
// what it is busy with while it starts, and then how to reach it. The file goes when the
// process ends. One that was killed leaves it behind, without the lock.
type Running struct {
	// Doing is what a process that starts is busy with; then nothing but Long is set.
	Doing string `json:"doing,omitempty"`
	// Long says that this takes as long as the city is large.
	Long bool `json:"long,omitempty"`

	Database string        `json:"database,omitempty"`
	Kafka    string        `json:"kafka,omitempty"`
	Access   broker.Access `json:"access,omitzero"` // what Kafka asks for
	API      string        `json:"api,omitempty"`   // URL of the load authority
	Pages    string        `json:"pages,omitempty"` // HOST:PORT of /readyz
}

// runningFile is where it leaves it.
const runningFile = "running.json"

// Write leaves word in a data directory, whole or not at all: somebody may be reading it.
func (r Running) Write(dir string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	// The database's password is in it: the file is for its owner only.
	if err := durable.WriteFile(filepath.Join(dir, runningFile), data); err != nil {
		return fmt.Errorf("leave word in the data directory: %w", err)
	}
	return nil
}

// RemoveRunning takes the word back.
func RemoveRunning(dir string) error {
	if err := os.Remove(filepath.Join(dir, runningFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ReadRunning reads what a process left in a data directory, if one did.
func ReadRunning(dir string) (Running, bool) {
	var r Running
	data, err := os.ReadFile(filepath.Join(dir, runningFile))
	if err != nil || json.Unmarshal(data, &r) != nil {
		return Running{}, false
	}
	return r, true
}
