package settlement

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Damage: any changed, missing or added byte is found by the hash.
func TestEveryDamagedByteIsFound(t *testing.T) {
	data := File{testDay, dayPositions(t)[5]}.Encode()
	index := read(t, filepath.Join("testdata", "20261124"))[indexName]
	for i := range data {
		altered := []byte(string(data))
		altered[i] ^= 1
		if _, err := Parse(altered); err == nil {
			t.Errorf("byte %d altered: accepted", i)
		}
		if _, err := Parse(data[:i]); !errors.Is(err, errHash) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	for i := range []byte(index) {
		altered := []byte(index)
		altered[i] ^= 1
		if _, err := parseIndex(altered); err == nil {
			t.Errorf("index: byte %d altered: accepted", i)
		}
		if _, err := parseIndex([]byte(index[:i])); !errors.Is(err, errHash) {
			t.Errorf("index cut to %d bytes: %v", i, err)
		}
	}
	if _, err := Parse(append(data, '\n')); !errors.Is(err, errHash) {
		t.Errorf("a line more: %v", err)
	}
}

// rehash alters the text above the trailer and hashes it again, as a careless
// or dishonest hand would.
func rehash(data, old, replacement string) []byte {
	body := data[:strings.LastIndex(data, hashLead)]
	return seal(strings.Replace(body, old, replacement, 1))
}

func TestRehashedFilesAreStillChecked(t *testing.T) {
	file := string(File{testDay, dayPositions(t)[5]}.Encode())
	for _, c := range []struct{ name, old, new string }{
		{"an amount", "metro_exit,3,950", "metro_exit,3,951"},
		{"the total", "total,,7,1140", "total,,7,1141"},
		{"the header's total", "7 笔 transactions, 1140", "7 笔 transactions, 1141"},
		{"a count below zero", "metro_entry,3,0", "metro_entry,-3,0"},
		{"another spelling", "metro_exit,1,190", "metro_exit,01,190"},
		{"a line twice", "20261123,metro_exit,1,190\n", "20261123,metro_exit,1,190\n20261123,metro_exit,1,190\n"},
		{"an empty line of nothing twice", "20261124,metro_entry", "20261124,bus,0,0\n20261124,bus,0,0\n20261124,metro_entry"},
		{"a line left out", "20261124,metro_entry,3,0\n", ""},
		{"no such day", "day: 20261124", "day: 20261131"},
		{"no day", "day: 20261124", "day: "},
		{"participant", "operator:metro", "operator metro"},
		{"participant out of the folder", "operator:metro", "operator:.."},
		{"columns", "day,purpose,count,fen", "day,purpose,fen,count"},
		{"layout", "layout 1", "layout 2"},
		{"a field more", "metro_exit,3,950", "metro_exit,3,950,0"},
		{"not a number", "metro_exit,3,950", "metro_exit,3,9e2"},
		{"past the range", "metro_exit,3,950", "metro_exit,3,9223372036854775807"},
		{"nothing but a title", file[strings.Index(file, "\n")+1 : strings.LastIndex(file, hashLead)], ""},
	} {
		altered := rehash(file, c.old, c.new)
		if string(altered) == file {
			t.Fatalf("%s: nothing altered", c.name)
		}
		if _, err := Parse(altered); err == nil || errors.Is(err, errHash) {
			t.Errorf("%s: error %v, want one past the hash", c.name, err)
		}
	}
}

func TestRehashedIndexIsStillChecked(t *testing.T) {
	index := read(t, filepath.Join("testdata", "20261124"))[indexName]
	entry := "operator:metro,operator-metro.csv,7,1140,"
	for _, c := range []struct{ name, old, new string }{
		{"an amount", entry, "operator:metro,operator-metro.csv,7,1141,"},
		{"a count", entry, "operator:metro,operator-metro.csv,-7,1140,"},
		{"another file", entry, "operator:metro,../../etc/passwd,7,1140,"},
		{"another participant", entry, "channel:metro,operator-metro.csv,7,1140,"},
		{"order", entry, "a:metro,a-metro.csv,7,1140,"},
		{"short hash", entry, entry + "00"},
		{"capital hash", strings.Split(index, "1140,")[1][:64], strings.ToUpper(strings.Split(index, "1140,")[1][:64])},
		{"fen", entry, "operator:metro,operator-metro.csv,7,,"},
		{"fields", entry, "operator:metro,operator-metro.csv,7,"},
		{"day", "day: 20261124", "day: 2026"},
		{"layout", "layout 1", "layout 9"},
	} {
		altered := rehash(index, c.old, c.new)
		if string(altered) == index {
			t.Fatalf("%s: nothing altered", c.name)
		}
		if _, err := parseIndex(altered); err == nil || errors.Is(err, errHash) {
			t.Errorf("%s: error %v, want one past the hash", c.name, err)
		}
	}
}

// Verify names every fault of a folder, not the first alone.
func TestVerifyNamesEveryFault(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "day")
	if _, err := Write(dir, testDay, dayPositions(t)); err != nil {
		t.Fatal(err)
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	metro, err := os.ReadFile(path("operator-metro.csv"))
	if err != nil {
		t.Fatal(err)
	}
	yesterday := File{testDay - 1, dayPositions(t)[4]}
	if err := errors.Join(
		// A file that is sound in itself, but not the one that was listed.
		os.WriteFile(path("operator-metro.csv"), rehash(string(metro), "(simulated)", "(real)"), 0o600),
		os.WriteFile(path("operator-bus-a.csv"), yesterday.Encode(), 0o600),
		os.WriteFile(path("fund-employee.csv"), []byte("gone\n"), 0o600),
		os.Remove(path("channel-counter.csv")),
		os.WriteFile(path("operator-tram.csv"), metro, 0o600),
		os.WriteFile(path(".operator-metro.csv.1.tmp"), metro, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	_, err = Verify(dir)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"operator-metro.csv: 7 transactions, 1140 fen, sha256 ",
		"operator-bus-a.csv: clearing day 20261123, the index has 20261124",
		"fund-employee.csv: settlement file: " + errHash.Error(),
		"channel-counter.csv: no such file",
		"operator-tram.csv: not in the index",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	if faults := strings.Count(err.Error(), "\n") + 1; faults != 5 {
		t.Errorf("%d faults, want 5: %v", faults, err)
	}
	if err := os.Remove(path(indexName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(dir); err == nil {
		t.Error("a folder without an index: accepted")
	}
}

// What is far too large is not read.
func TestReadIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "operator-metro.csv")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, maxFileBytes+1)); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), fmt.Sprint(maxFileBytes)) {
		t.Errorf("error %v", err)
	}
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "20261124", "*.csv"))
	if err != nil || len(files) == 0 {
		f.Fatal("no golden files", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data[:strings.LastIndex(string(data), hashLead)]))
	}
	// The fuzzer cannot guess a hash, so it gets one: what parses is written the same.
	f.Fuzz(func(t *testing.T, body string) {
		data := seal(body)
		if file, err := Parse(data); err == nil && string(file.Encode()) != string(data) {
			t.Errorf("accepted, but written as %q", file.Encode())
		}
		if index, err := parseIndex(data); err == nil && string(index.Encode()) != string(data) {
			t.Errorf("accepted, but written as %q", index.Encode())
		}
	})
}
