package main

import (
	"bufio"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// figures are the named figures of one run.
type figures struct {
	values map[string][]float64
	cpu    string
	failed bool
}

// named is a unit that is a key.
var named = regexp.MustCompile(`^[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+$`)

// collect reads the output of go test -bench: lines "BenchmarkName-2 N value unit value
// unit…".
func collect(in io.Reader) (figures, error) {
	f := figures{values: map[string][]float64{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "cpu: "):
			f.cpu = strings.TrimPrefix(line, "cpu: ")
		case strings.HasPrefix(line, "FAIL"), strings.HasPrefix(line, "--- FAIL"), strings.HasPrefix(line, "panic:"):
			f.failed = true
		case strings.HasPrefix(line, "Benchmark"):
			f.add(strings.Fields(line))
		}
	}
	return f, lines.Err()
}

// add takes the pairs of value and unit behind name and count.
func (f *figures) add(words []string) {
	for i := 2; i+1 < len(words); i += 2 {
		v, err := strconv.ParseFloat(words[i], 64)
		if key := words[i+1]; err == nil && named.MatchString(key) {
			f.values[key] = append(f.values[key], v)
		}
	}
}

func (f *figures) keys() []string {
	var keys []string
	for k := range f.values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// median of at least one value; of an even number the lower one of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}
