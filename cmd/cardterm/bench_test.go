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
	rss := memoryMB(b, h.cmd.Process.Pid, "VmRSS:")
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

// memoryMB is a figure of a process's memory, by its name in /proc.
func memoryMB(t testing.TB, pid int, name string) float64 {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	must(t, err)
	_, rest, found := strings.Cut(string(status), name)
	if !found {
		t.Skipf("/proc does not have %s", name)
	}
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	must(t, err)
	return float64(kb) / 1024
}
