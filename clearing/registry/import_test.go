package registry_test

import (
	"errors"
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/ledger"
)

// TestImport reads a good registry and asks it about days before, in and after
// the spans of its rows.
func TestImport(t *testing.T) {
	files := clearingtest.Files()
	files["terminals.csv"] = "terminal,operator,mode,line,station,effective_from,effective_to\n" +
		"310000000001,metro,metro,1,1,20200101,20251231\n310000000001,bus,bus,9,,20260101,\n"
	r, err := registry.Import(clearingtest.WriteFiles(t, files))
	if err != nil {
		t.Fatal(err)
	}
	number := [6]byte(clearingtest.Hex("310000000001"))
	for _, test := range []struct {
		day      int32
		operator string
	}{{20191231, ""}, {20200101, "metro"}, {20251231, "metro"}, {20260101, "bus"}, {20991231, "bus"}} {
		terminal, ok := r.Terminal(number, ledger.Day(test.day))
		if terminal.Operator != test.operator || ok != (test.operator != "") {
			t.Errorf("on %d the terminal is %q (%v), want %q", test.day, terminal.Operator, ok, test.operator)
		}
	}
	card, ok := r.Card(registry.CardID(clearingtest.Hex(clearingtest.BlockedCard)))
	if !ok || !card.Blocked || card.Type != 1 || card.Expires != 20401231 {
		t.Errorf("blocked card reads %+v (%v)", card, ok)
	}
}

// TestVersion changes with any byte of any file, and with nothing else.
func TestVersion(t *testing.T) {
	version := func(files map[string]string) string {
		r, err := registry.Import(clearingtest.WriteFiles(t, files))
		if err != nil {
			t.Fatal(err)
		}
		return r.Version()
	}
	first := version(clearingtest.Files())
	if again := version(clearingtest.Files()); again != first {
		t.Errorf("the same files give versions %s and %s", first, again)
	}
	files := clearingtest.Files()
	files["cards.csv"] = strings.Replace(files["cards.csv"], "blocked", "active", 1)
	if changed := version(files); changed == first {
		t.Error("a card's status changed and the version did not")
	}
}

// TestImportFaults spoils one thing at a time: the fault names file, line and
// what was expected.
func TestImportFaults(t *testing.T) {
	tests := []struct {
		name, file, from, to string
		want                 []string
	}{
		{"missing file", "cards.csv", "", "", []string{"cards.csv: no such file"}},
		{"other header", "cards.csv", "issuer,", "issuers,", []string{"cards.csv:1: header"}},
		{"too few columns", "operators.csv", "metro,地铁,Metro,metro,20200101,\n", "metro,地铁\n", []string{"operators.csv:2", "wrong number of fields"}},
		{"card with a letter", "cards.csv", clearingtest.Card, "0310507020000000000x", []string{"cards.csv:2: column 1", "20 hexadecimal digits"}},
		{"unknown status", "cards.csv", "blocked", "lost", []string{"cards.csv:5", "active, blocked"}},
		{"no such date", "cards.csv", "20250630", "20250631", []string{"cards.csv:4: column 6", "a date YYYYMMDD"}},
		{"card twice", "cards.csv", clearingtest.OtherCard, clearingtest.Card, []string{"cards.csv:3", "occurs twice"}},
		{"operator not listed", "terminals.csv", ",bus,bus,", ",tram,bus,", []string{"terminals.csv:3", `operator "tram"`}},
		{"negative money", "persons.csv", "50000", "-1", []string{"persons.csv:2: column 4", "whole fen"}},
		{"month 13", "persons.csv", "203012", "203013", []string{"persons.csv:3: column 6", "a month YYYYMM"}},
		{"id with a colon", "channels.csv", "counter,", "a:b,", []string{"channels.csv:2: column 1"}},
		{"ends before it begins", "hospitals.csv", "20200101,", "20200101,20191231", []string{"hospitals.csv:2", "not before the first"}},
		{"span overlaps", "operators.csv", "bus,公交", "metro,公交", []string{"operators.csv:3", "overlaps"}},
		{"empty purse", "purses.csv", "card,fen,day\n", "card,fen,day\n" + clearingtest.Card + ",0,20200101\n", []string{"purses.csv:2", "above zero"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := clearingtest.Files()
			if test.to == "" {
				delete(files, test.file)
			} else {
				spoiled := strings.Replace(files[test.file], test.from, test.to, 1)
				if spoiled == files[test.file] {
					t.Fatalf("%q is not in %s", test.from, test.file)
				}
				files[test.file] = spoiled
			}
			_, err := registry.Import(clearingtest.WriteFiles(t, files))
			var faults *registry.ImportError
			if !errors.As(err, &faults) {
				t.Fatalf("import ended with %v, want an ImportError", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

// TestImportManyFaults lists the first and counts the rest.
func TestImportManyFaults(t *testing.T) {
	files := clearingtest.Files()
	files["channels.csv"] = "id,name,name_en,effective_from,effective_to\n" + strings.Repeat(",,,,\n", 500)
	_, err := registry.Import(clearingtest.WriteFiles(t, files))
	if err == nil || !strings.Contains(err.Error(), "500 faults") || strings.Count(err.Error(), "\n") > 30 {
		t.Errorf("error is %q, want 500 faults in a few lines", err)
	}
}

// FuzzImport reads any bytes as a file of terminals.
func FuzzImport(f *testing.F) {
	f.Add(clearingtest.Files()["terminals.csv"])
	f.Add("\"")
	f.Fuzz(func(t *testing.T, text string) {
		files := clearingtest.Files()
		files["terminals.csv"] = text
		r, err := registry.Import(clearingtest.WriteFiles(t, files))
		if (r == nil) == (err == nil) {
			t.Fatalf("registry %v, error %v", r, err)
		}
	})
}
