package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"citycard/ledger/ledgertest"
)

// TestFullDisk fills the disk of a serving process while a city sends its day. The process says so
// in one line and ends with 1; with room again it starts, and the books hold.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := ledgertest.SmallDisk(t, "300")
	p := build(t, "citycard", "cardsim").private() // the disk that fills is the database's too
	data, field := filepath.Join(disk, "data"), filepath.Join(t.TempDir(), "field")
	city := []string{"--data", field, "--cards", "300", "--seed", "7", "--keys", filepath.Join(data, "keys.age"), "--day", testDay}
	p.testKeys(t, data, 7)
	p.run(t, "cardsim", append([]string{"issue"}, city...)...)
	s, kafka, api := p.serving(t, data, filepath.Join(field, "registry"))
	s.start()
	s.ready()
	staff := p.enrolled(t, "--data", data)
	staff.receive("1000", "pension:fund")

	tokens := staff.letIn(filepath.Join(field, "registry"))
	free := ledgertest.FillDisk(t, disk)
	play := p.command(t.Context(), "cardsim", append([]string{
		"city", "--kafka", fmt.Sprintf("127.0.0.1:%d", kafka), "--kafka-user", "citycard", "--kafka-password-file", filepath.Join(data, "kafka", "password"),
		"--api", fmt.Sprintf("http://127.0.0.1:%d", api), "--tokens", tokens,
	}, city...)...)
	var said bytes.Buffer
	play.Stdout, play.Stderr = &said, &said
	if err := play.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.cmd.Wait() }()
	select {
	case <-ended:
	case <-time.After(2 * time.Minute):
		t.Fatalf("it goes on with a full disk\n%s", s.log.String())
	}
	_ = play.Process.Kill()
	_ = play.Wait()
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	last := lines[len(lines)-1]
	if code := s.cmd.ProcessState.ExitCode(); code != 1 || !strings.HasPrefix(last, "citycard: clearing stopped: the ") ||
		!strings.Contains(strings.ToLower(last), "no space left on device") || !strings.Contains(last, "free some space and start again") {
		t.Errorf("exit code %d, and the last line is %q, want 1 and what is full", code, last)
	}
	if n := strings.Count(s.log.String(), "\ncitycard: "); n != 1 {
		t.Errorf("the end is said in %d lines, want one:\n%s", n, s.log.String())
	}
	wantExit(t, p, 1, "o space left on device", "verify", "--data", data)

	free()
	s.start()
	s.ready()
	if out := p.run(t, "citycard", "account", "--data", data, "--code", "pension:fund"); !strings.Contains(out, " 1,000.00 ") {
		t.Errorf("what was booked before: %s", out)
	}
	p.run(t, "citycard", "day", "close", "--data", data, "--day", testDay)
	if out := p.run(t, "citycard", "verify", "--data", data); !strings.Contains(out, "THE BOOKS HOLD") {
		t.Errorf("verify: %s", out)
	}
	s.signal(syscall.SIGTERM)
	if log := s.log.String(); !strings.Contains(log, "serve has stopped") {
		t.Errorf("it does not say that it has stopped:\n%s", log[max(0, len(log)-500):])
	}
}
