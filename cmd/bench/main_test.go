package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const measured = `goos: linux
pkg: citycard/cardos/keys
cpu: A Processor @ 3 GHz
BenchmarkTAC-2   	     100	  11 ns/op	 300 cards.tac_per_second_core	 4.5 cards.tac_batched_over_naive
BenchmarkTAC-2   	     100	  11 ns/op	 100 cards.tac_per_second_core	 4.1 cards.tac_batched_over_naive
BenchmarkTAC-2   	     100	  11 ns/op	 200 cards.tac_per_second_core	 4.3 cards.tac_batched_over_naive
BenchmarkOther-2 	       1	 220 ns/op	  40 B/op	 7 allocs/op	1.5e+06 ledger.post_per_second
some log line 5 cards.not_a_figure
PASS
ok  	citycard/cardos/keys	1.0s
`

func TestFiguresAreWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	var out bytes.Buffer
	if err := run(strings.NewReader(measured), &out, path, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	conditions, _ := got["conditions"].(map[string]any)
	if len(got) != 4 || got["cards.tac_per_second_core"] != 200.0 || got["cards.tac_batched_over_naive"] != 4.3 ||
		got["ledger.post_per_second"] != 1.5e6 || conditions["cpu"] != "A Processor @ 3 GHz" || conditions["time"] != "1970-01-01T00:00:00Z" {
		t.Errorf("written %s", b)
	}
	if !strings.HasPrefix(out.String(), measured) || !strings.Contains(out.String(), "\ncards.tac_per_second_core ") {
		t.Errorf("printed %s", out.String())
	}
}

// After any failure the earlier file is unchanged.
func TestFailuresWriteNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	for _, in := range []string{
		measured + "--- FAIL: BenchmarkPost\n", measured + "FAIL\tcitycard/ledger [build failed]\n", measured + "panic: no\n",
	} {
		if err := run(strings.NewReader(in), &bytes.Buffer{}, path, time.Unix(0, 0)); !errors.Is(err, errFailed) {
			t.Errorf("%v", err)
		}
	}
	if err := run(strings.NewReader("PASS\n"), &bytes.Buffer{}, path, time.Unix(0, 0)); err == nil {
		t.Error("no figure at all is taken")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
}
