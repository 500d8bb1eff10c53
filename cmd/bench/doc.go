// Command bench collects what benchmarks measured: it reads the output of `go test -bench` on
// standard input, passes it on, prints a table of the named figures and writes them to a JSON
// file.
//
//	go test -run '^$' -bench . ./... | go run ./cmd/bench --out bench.json
//
// A named figure is a metric whose unit is its key, a room and a name with a dot between:
// b.ReportMetric(x, "cards.tac_per_second_core"). Where a key was measured several times
// (-count), its median counts. The file is one JSON object: each key with its number, and
// "conditions" with machine, Go and time.
//
// Exit codes: 0, 1 when a benchmark failed or no figure came, 2 for wrong flags.
package main
