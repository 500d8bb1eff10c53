package settlement

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/ledger"
)

var update = flag.Bool("update", false, "write the golden files again")

const testDay = ledger.Day(20261124)

// read gives a folder's files by name.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(data)
	}
	return files
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, data := range want {
		if got[name] != data {
			t.Errorf("%s is\n%s\nwant\n%s", name, got[name], data)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: not expected", name)
		}
	}
}

// The files are read by others: not a byte may change by accident.
func TestGoldenFiles(t *testing.T) {
	golden := filepath.Join("testdata", "20261124")
	if *update {
		if err := os.RemoveAll(golden); err != nil {
			t.Fatal(err)
		}
		if _, err := Write(golden, testDay, dayPositions(t)); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "20261124")
	index, err := Write(dir, testDay, dayPositions(t))
	if err != nil {
		t.Fatal(err)
	}
	same(t, read(t, dir), read(t, golden))
	// 1,140 + 800 + 873,500 - 773,500 - 15,000 = 86,940.
	if index.Fen != 86940 || index.Count != 22 || len(index.Entries) != 6 {
		t.Errorf("index: %d files, %d transactions, %d fen", len(index.Entries), index.Count, index.Fen)
	}
}

// The trailer is checked as anybody would with a shell: sha256 of all but the last line.
func TestTrailerIsThePlainHash(t *testing.T) {
	for name, data := range read(t, filepath.Join("testdata", "20261124")) {
		lines := strings.SplitAfter(data, "\n")
		last := lines[len(lines)-2] // the text ends in a newline
		sum := sha256.Sum256([]byte(strings.TrimSuffix(data, last)))
		if want := "# sha256 " + hex.EncodeToString(sum[:]) + "\n"; last != want {
			t.Errorf("%s ends in %q, want %q", name, last, want)
		}
	}
}

func TestWriteReadBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "day")
	written, err := Write(dir, testDay, dayPositions(t))
	if err != nil {
		t.Fatal(err)
	}
	index, err := Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	if index.Day != written.Day || index.Fen != written.Fen || !slices.Equal(index.Entries, written.Entries) {
		t.Errorf("written %+v, read %+v", written, index)
	}
	file, err := Read(filepath.Join(dir, "operator-metro.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if p := file.Position; p.Participant != dayParticipants()[0] || p.Fen != 1140 || p.Count != 7 {
		t.Errorf("read %+v", p)
	}
	if _, err := Read(filepath.Join(dir, "operator-tram.csv")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Whatever a crash left behind, writing again gives the whole day.
func TestWriteAfterACrash(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole")
	if _, err := Write(whole, testDay, dayPositions(t)); err != nil {
		t.Fatal(err)
	}
	want := read(t, whole)
	for name, leave := range map[string]func(dir string) error{
		"nothing":      os.Remove,
		"an empty dir": func(string) error { return nil },
		"half the temp": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, ".fund-employee.csv.17.tmp"), []byte("# 结"), 0o600)
		},
		"some files, no index": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "operator-metro.csv"), []byte(want["operator-metro.csv"]), 0o600)
		},
		"files of another attempt, no index": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "operator-metro.csv"), []byte("older"), 0o600)
		},
		"all but the folder's sync": func(dir string) error { return os.CopyFS(dir, os.DirFS(whole)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "day")
			if err := errors.Join(os.Mkdir(dir, 0o755), leave(dir)); err != nil {
				t.Fatal(err)
			}
			if _, err := Write(dir, testDay, dayPositions(t)); err != nil {
				t.Fatal(err)
			}
			same(t, read(t, dir), want)
		})
	}
}

// TestWriteWithoutAFile: where a participant's file cannot be put in its place there is no index.
func TestWriteWithoutAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "day")
	taken := filepath.Join(dir, "operator-metro.csv")
	if err := os.MkdirAll(filepath.Join(taken, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(dir, testDay, dayPositions(t)); err == nil {
		t.Error("written in place of a folder")
	}
	if _, err := os.Stat(filepath.Join(dir, indexName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the index: %v", err)
	}
	if err := os.RemoveAll(taken); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(dir, testDay, dayPositions(t)); err != nil {
		t.Error(err)
	}
	same(t, read(t, dir), read(t, filepath.Join("testdata", "20261124")))
}

// A day is settled once.
func TestWriteNeverOverwritesADay(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "day")
	if _, err := Write(dir, testDay, dayPositions(t)); err != nil {
		t.Fatal(err)
	}
	before := read(t, dir)
	rows := dayRows()
	rows[0].Fen++
	other, err := Net(rows, dayParticipants())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Write(dir, testDay, other)
	var written *writtenError
	if !errors.As(err, &written) || written.Path != filepath.Join(dir, indexName) {
		t.Errorf("error %v", err)
	}
	same(t, read(t, dir), before)
}

// TestWriteMakesFolders: the first close of all has no folder of days to write into.
func TestWriteMakesFolders(t *testing.T) {
	days := filepath.Join(t.TempDir(), "settlement")
	for _, day := range []string{"20261124", "20261125"} {
		index, err := Write(filepath.Join(days, day), testDay, dayPositions(t))
		if err != nil {
			t.Fatal(err)
		}
		written := read(t, filepath.Join(days, day))
		if len(written) != len(index.Entries)+1 || written[indexName] != string(index.Encode()) {
			t.Errorf("%s: there is %v", day, slices.Sorted(maps.Keys(written)))
		}
		for _, path := range []string{days, filepath.Join(days, day)} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%s: %v, %v; want mode 0700", path, info, err)
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "day")
	good := dayPositions(t)[0]
	wrongTotal, unordered, badName := good, good, good
	wrongTotal.Fen++
	unordered.Lines = []Line{{20261124, "b", 0, -15000}, {20261124, "a", 2, 0}}
	badName.Participant.Name = "a\nb"
	for name, c := range map[string]struct {
		day       ledger.Day
		positions []Position
	}{
		"no day":                {0, []Position{good}},
		"wrong total":           {testDay, []Position{wrongTotal}},
		"unordered lines":       {testDay, []Position{unordered}},
		"name of two lines":     {testDay, []Position{badName}},
		"participant twice":     {testDay, []Position{good, good}},
		"unordered positions":   {testDay, []Position{dayPositions(t)[1], good}},
		"no participant at all": {testDay, []Position{{}}},
	} {
		if _, err := Write(dir, c.day, c.positions); err == nil {
			t.Errorf("%s: written", name)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: refused, but the folder is there", name)
		}
	}
}
