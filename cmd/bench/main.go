package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

func main() {
	path := flag.String("out", "bench.json", "`FILE` to write")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "bench: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Stdout, *path, time.Now()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errFailed: a benchmark or a package failed; its figures are missing.
var errFailed = errors.New("a benchmark failed, see above; nothing was written")

// run collects from in, passes it on to out, prints the table and writes the file. If a benchmark
// failed nothing is written, since half a file would be taken for a complete one.
func run(in io.Reader, out io.Writer, path string, now time.Time) error {
	figures, err := collect(io.TeeReader(in, out))
	if err != nil {
		return err
	}
	if figures.failed {
		return errFailed
	}
	if len(figures.values) == 0 {
		return errors.New("no figure has a key such as cards.tac_per_second_core")
	}
	content := map[string]any{}
	fmt.Fprintln(out)
	for _, key := range figures.keys() {
		v := median(figures.values[key])
		content[key] = v
		fmt.Fprintf(out, "%-48s %14.6g\n", key, v)
	}
	content["conditions"] = map[string]any{
		"cpu": figures.cpu, "cores": runtime.NumCPU(), "go": runtime.Version(), "os": runtime.GOOS + "/" + runtime.GOARCH,
		"time": now.UTC().Format(time.RFC3339),
	}
	b, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
