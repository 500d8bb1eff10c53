package books

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/broker"
	"citycard/durable"
	"citycard/language"
)

// Running is the information that a serving process leaves in its data directory for other
// commands: its present step while it starts, and then how to reach it. The file is removed when
// the process ends. A killed process leaves it behind, but not the lock.
type Running struct {
	// Doing is the present step of a process that is starting, in English; besides it only Long is
	// set then.
	Doing string `json:"doing,omitempty"`
	// Long says that the time for this step depends on the size of the city.
	Long bool `json:"long,omitempty"`

	// Look is the URL of the database for those who look: its user may read what is not personal,
	// and change nothing.
	Look   string        `json:"database_to_look,omitempty"`
	Kafka  string        `json:"kafka,omitempty"`
	Access broker.Access `json:"access,omitzero"`  // what Kafka asks for
	API    string        `json:"api,omitempty"`    // URL of the load authority
	Socket string        `json:"socket,omitempty"` // at which people act
	Pages  string        `json:"pages,omitempty"`  // HOST:PORT of /readyz
}

// runningFile is where it leaves it.
const runningFile = "running.json"

// Write writes the file in a data directory, completely or not at all, since another process may be
// reading it.
func (r Running) Write(dir string) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	// The file holds the password of the database's reader, so only its owner may read it.
	if err := durable.WriteFile(filepath.Join(dir, runningFile), data); err != nil {
		return language.Textf("leave word in the data directory: %w", err)
	}
	return nil
}

// RemoveRunning removes the file.
func RemoveRunning(dir string) error {
	if err := os.Remove(filepath.Join(dir, runningFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ReadRunning reads the file that a process left in a data directory, if there is one.
func ReadRunning(dir string) (Running, bool) {
	var r Running
	data, err := os.ReadFile(filepath.Join(dir, runningFile))
	if err != nil || json.Unmarshal(data, &r) != nil {
		return Running{}, false
	}
	return r, true
}
