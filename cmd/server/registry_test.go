package server

import (
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
)

// TestReadChange reads the files of a registry as an import and a founding do: rows that no later
// step could use are refused by file and line.
func TestReadChange(t *testing.T) {
	set, err := clearingtest.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ file, more, want string }{
		"fine":                    {"purses.csv", clearingtest.Card + "," + clearingtest.Issuer + ",100000,20260101\n", ""},
		"more than a purse holds": {"purses.csv", clearingtest.Card + "," + clearingtest.Issuer + ",100001,20260101\n", "purses.csv:2: column 3"},
		"twins":                   {"operators.csv", "BUS,公交,Bus,bus,20200101,\n", "operators.csv:4: BUS"},
		"control character":       {"channels.csv", "kiosk,自\u0085助,Kiosk,20200101,\n", "channels.csv:3: column 2"},
	} {
		files := clearingtest.Files()
		files[test.file] += test.more
		_, err := ReadChange(clearingtest.WriteFiles(t, files), nil, set.Loads)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}
