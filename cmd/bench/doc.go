// Command bench collects the results of benchmarks: it reads the output of `go test -bench` on
// standard input, copies it to standard output, prints a table of the named figures and writes them
// to a JSON file.
//
//	go test -run '^$' -bench . ./... | go run ./cmd/bench --out bench.json
//
// A named figure is a metric whose unit is its key, a room and a name with a dot between:
// b.ReportMetric(x, "cards.tac_per_second_core"). If a key was measured several times (-count), the
// file has its median. The file is one JSON object: each key with its number, and "conditions" with
// machine, Go and time.
//
// Exit codes: 0, 1 when a benchmark failed or no figure came, 2 for wrong flags.
package main
