package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// restarts is how often pcscd is started again at least.
const restarts = 5

// An agent with four lanes that have served a card each: its memory, and how long it takes at worst
// until all lanes serve, once pcscd answers again and the SAMs are in their readers.
func BenchmarkFourLanes(b *testing.B) {
	binary := filepath.Join(b.TempDir(), "cardterm")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	const lanes = 4
	h := newHall(b, lanes)
	h.binary = binary
	args := []string{"--repeat", "0s"}
	for i := range lanes {
		args = append(args, "--lane", laneN(i, ""))
	}
	h.start(args...)
	for i := range lanes {
		h.await(30*time.Second, `msg="in service"`, fmt.Sprintf("lane=gate-%d", i))
		must(b, h.slot(i).Insert(b.Context(), personalised(b, h.store)))
		h.await(30*time.Second, "msg=paid", fmt.Sprintf("lane=gate-%d", i))
	}
	h.taps(lanes)
	rss := residentMB(b, h.cmd.Process.Pid)
	b.ResetTimer()
	var worst time.Duration
	for n := range max(b.N, restarts) {
		must(b, h.daemon.Close())
		h.awaitTimes((n+1)*lanes, 30*time.Second, `msg="out of service"`)
		h.begin(lanes)
		begin := time.Now()
		h.awaitTimes((n+1)*lanes, 30*time.Second, `msg="in service again"`)
		worst = max(worst, time.Since(begin))
	}
	b.StopTimer()
	b.ReportMetric(rss, "terminals.rss_mb")
	b.ReportMetric(worst.Seconds(), "terminals.recover_pcscd_seconds")
	h.stop()
}

// residentMB is the memory of a process that is in RAM.
func residentMB(b *testing.B, pid int) float64 {
	b.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	must(b, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	must(b, err)
	return float64(kb) / 1024
}
