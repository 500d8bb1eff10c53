package intake_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const cpuProfile = "cpu"

// phase is a part of the clearing process's work: the functions whose time it is.
type phase struct {
	name      string
	functions []string
}

func phases() []phase {
	const clearing, ledger = "citycard/clearing/", "citycard/ledger."
	return []phase{
		{"read from Kafka", []string{"github.com/twmb/franz-go/pkg/kgo.(*source).loopFetch"}},
		{"decode", []string{clearing + "transit.(*tap).decode"}},
		{"verify TACs", []string{"citycard/cardos/keys.(*TACVerifier).VerifyPurchases"}},
		{"rule (card, terminal, fare)", []string{clearing + "transit.(*Judge).post"}},
		{"decide and hash rows", []string{ledger + "(*judge).decide", ledger + "(*judge).number"}},
		{"send rows by COPY", []string{ledger + "copyRows"}},
		{"balances and chain", []string{ledger + "writeBooks"}},
		{"describe what is cleared", []string{clearing + "intake.(*partition).finish"}},
		{"publish what is cleared", []string{clearing + "intake.(*Intake).pump", "github.com/twmb/franz-go/pkg/kgo.(*sink).drain", "github.com/twmb/franz-go/pkg/kgo.(*broker).handleReqs"}},
		{"collect garbage", []string{"runtime.gcBgMarkWorker"}},
	}
}

// explain prints where the time went: by the metrics of all partitions together, and by the CPU
// profile. PROFILES in the environment is a directory that keeps the profiles.
func (d *drain) explain(c cleared, seconds float64) {
	d.Helper()
	d.Logf("%d records in %.1f s, %.0f batches; 4 partitions judged for %.1f s and committed for %.1f s together; live heap at the end %.0f MB",
		d.backlog.sent(), seconds, c.Batches, c.Seconds["judge"], c.Seconds["commit"], c.HeapMB)
	tool := exec.Command("go", "tool", "pprof", "-top", "-cum", "-nodecount=100000", "-nodefraction=0", "-unit=s", os.Args[0], filepath.Join(d.dir, cpuProfile))
	out, err := tool.Output()
	d.must(err)
	cumulated, total := map[string]float64{}, 0.0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if at := strings.Index(line, "Total samples = "); at >= 0 {
			total, _ = strconv.ParseFloat(strings.TrimSuffix(strings.Fields(line[at:])[3], "s"), 64)
		}
		if len(fields) < 6 {
			continue
		}
		if s, err := strconv.ParseFloat(strings.TrimSuffix(fields[3], "s"), 64); err == nil {
			cumulated[fields[5]] = s
		}
	}
	var parts []string
	for _, p := range phases() {
		s := 0.0
		for _, f := range p.functions {
			s += cumulated[f]
		}
		parts = append(parts, fmt.Sprintf("%s %.2f", p.name, s))
	}
	// One line: the tool cuts off what a benchmark says beyond ten.
	d.Logf("CPU seconds of the clearing process: %.2f; of them %s", total, strings.Join(parts, ", "))
	if dir := os.Getenv("PROFILES"); dir != "" {
		for _, name := range []string{cpuProfile, "heap"} {
			data, err := os.ReadFile(filepath.Join(d.dir, name))
			d.must(err)
			d.must(os.WriteFile(filepath.Join(dir, name), data, 0o644))
		}
		d.must(os.WriteFile(filepath.Join(dir, "cpu.txt"), out, 0o644))
	}
}
