package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/ledger/export"
)

// The figures of the books of a demonstration of 100 cards with seed 7, as they were stored at an
// earlier time. The identities of records, purposes, reason codes, evidence and the canonical bytes
// of a row all enter these figures, so a change of any of them shows here. If you change stored
// bytes on purpose, say so and update the figures.
const (
	storedRows = 2194
	// storedHash is the SHA-256 over the sorted content hashes of all rows, each computed without
	// stream, sequence and position, since the time decides where batches are cut.
	storedHash = "9a8070e655d665f85cf584c87012be8527fcf3f7f77e4bdd791370ed38954186"
	// playedRows and playedHash are those of the day as it is played now: a seed draws other bytes
	// to alter since a tap has more fields, some cards are torn, and the memo of a load's order
	// names the card by the digits that derive its keys, and passengers load at no counter with
	// shifts. The exports that are kept are of the day before that.
	playedRows = 2188
	playedHash = "fcb50439066a5dae91f8b084b4fe3d1a577a5a0ef85b06e9027ef2b003793fe6"
	// storedSigner signed the seals of the exports in testdata/stored.
	storedSigner = "2c9569da7282c84a237707a0a59d53c5a4275a8a2ff576508abe467406b5cf10"
)

// TestStoredBytes plays the demonstration again: it gives the same rows and the same report, except
// for the seal and the timings.
func TestStoredBytes(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	data, reported, books := filepath.Join(dir, "data"), filepath.Join(dir, "report.json"), filepath.Join(dir, "books")
	p.run(t, "citycard", "demo", "--no-pcsc", "--data", data, "--cards", "100", "--seed", "7", "--json", reported, "--day", testDay)
	p.run(t, "citycard", "export", "--data", data, "--out", books)
	file, err := os.Open(books)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, hash := contents(t, file)
	if rows != playedRows || hash != playedHash {
		t.Errorf("%d rows of hash %s, want %d of %s", rows, hash, playedRows, playedHash)
	}
	got, want := steady(t, reported), steady(t, filepath.Join("testdata", "stored", "report.json"))
	if got != want {
		t.Errorf("the report says\n%s\nwant\n%s", got, want)
	}
}

// contents counts the rows of an export and hashes what they say.
func contents(t *testing.T, r io.Reader) (rows int, hash string) {
	t.Helper()
	var leaves []string
	err := export.Read(r, func(line *export.Line) error {
		row := line.Row
		if row == nil {
			return nil
		}
		if content := row.ContentHash(); row.Hash != content || line.Content != content {
			t.Errorf("row %x of %v has the hash %x, its content %x, its bytes %x", row.ID, row.Day, row.Hash, content, line.Content)
		}
		row.Stream, row.Sequence, row.Position = 0, 0, 0
		leaf := row.ContentHash()
		leaves = append(leaves, string(leaf[:]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(leaves)
	return len(leaves), fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(leaves, ""))))
}

// steady is a report without the values that differ from run to run.
func steady(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &members); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, timed := range []string{"seal", "seconds", "cleared_per_second"} {
		delete(members, timed)
	}
	text, err = json.MarshalIndent(members, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestStoredBooksHold verifies exports that are kept with the source, one of each version, and that
// the same rows are in them.
func TestStoredBooksHold(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard")
	for _, name := range []string{"books-3.ndjson.gz", "books-4.gz"} {
		text := stored(t, name)
		if rows, hash := contents(t, bytes.NewReader(text)); rows != storedRows || hash != storedHash {
			t.Errorf("%s: %d rows of hash %s, want %d of %s", name, rows, hash, storedRows, storedHash)
		}
		books := filepath.Join(t.TempDir(), "books")
		if err := os.WriteFile(books, text, 0o600); err != nil {
			t.Fatal(err)
		}
		out := p.run(t, "citycard", "verify", "--export", books, "--signer", storedSigner)
		if !strings.Contains(out, ": 0 faults\n") {
			t.Errorf("%s: verify printed %s", name, out)
		}
	}
}

// TestStoredLayout writes the lines of the export of version 3 that is kept as version 4, and wants
// the bytes of the other.
func TestStoredLayout(t *testing.T) {
	var out bytes.Buffer
	var w *export.Writer
	err := export.Read(bytes.NewReader(stored(t, "books-3.ndjson.gz")), func(line *export.Line) (err error) {
		if line.Export != nil {
			w, err = export.NewWriter(&out, line.Export.Dialect)
			return err
		}
		return w.Line(line)
	})
	if err == nil {
		err = w.End()
	}
	if err != nil || !bytes.Equal(out.Bytes(), stored(t, "books-4.gz")) {
		t.Errorf("version 4 has other bytes than were written down; %v", err)
	}
}

// stored unpacks an export that is kept with the source.
func stored(t *testing.T, name string) []byte {
	t.Helper()
	packed, err := os.Open(filepath.Join("testdata", "stored", name))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
