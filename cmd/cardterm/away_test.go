package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/pcscd"
	"citycard/simulators/vcard"
)

// daemon is a pcscd of the test's own, which it may end.
type daemon struct {
	*testing.T
	*pcscd.Daemon
}

// begin starts a pcscd. All daemons of one test use the same socket.
func begin(t *testing.T) *daemon {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a private pcscd, which alone may be ended by a test, needs root on Linux")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := pcscd.Ensure(ctx, slog.New(slog.DiscardHandler), 1)
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	for _, setting := range d.Environment() {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	return &daemon{t, d}
}

func (d *daemon) end() {
	d.Helper()
	must(d.T, d.Close())
}

func (d *daemon) slot() *vcard.Slot { return vcard.NewSlot(d.Slots[0]) }

// spokenLines are what a program says, line by line.
type spokenLines struct {
	*testing.T
	cmd   *exec.Cmd
	lines chan string
}

// listen starts a program and listens to what it says on standard error.
func listen(t *testing.T, cmd *exec.Cmd) *spokenLines {
	t.Helper()
	out, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	s := &spokenLines{t, cmd, make(chan string, 1000)}
	go func() {
		defer close(s.lines)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	return s
}

// until waits for a line with a text, and returns how many earlier lines have another text.
func (s *spokenLines) until(text, other string) (others int) {
	s.Helper()
	limit := time.After(time.Minute)
	var before []string
	for {
		select {
		case line, ok := <-s.lines:
			if strings.Contains(line, text) {
				return others
			}
			if !ok {
				s.Fatalf("it ended without %q (%v); it said\n%s", text, s.cmd.Wait(), strings.Join(before, "\n"))
			}
			if before = append(before, line); other != "" && strings.Contains(line, other) {
				others++
			}
		case <-limit:
			s.Fatalf("it does not say %q; it said\n%s", text, strings.Join(before, "\n"))
		}
	}
}

const (
	isAway = `msg="out of service"`
	isBack = `msg="in service again"`
)

// TestServiceComesBack: an agent waits for pcscd at its own start and after pcscd has ended, logs
// each wait once, and then serves cards again.
func TestServiceComesBack(t *testing.T) {
	store, _ := keyFile(t)
	first := begin(t)
	first.end()
	cmd := command(t, "--reader", "00 00")
	s := listen(t, cmd)
	s.until(isAway, "")
	second := begin(t)
	if n := s.until(isBack, isAway); n != 0 {
		t.Errorf("that it waits was said %d times more", n)
	}
	card := personalised(t, store)
	must(t, second.slot().Insert(t.Context(), card))
	s.until("transit card", "")
	second.end()
	s.until(isAway, "")
	third := begin(t)
	if n := s.until(isBack, isAway); n != 0 {
		t.Errorf("that it waits was said %d times more", n)
	}
	must(t, third.slot().Insert(t.Context(), personalised(t, store)))
	s.until("transit card", "")
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	for range s.lines {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it was stopped and ends with %v", err)
	}
}

// TestIssueAsksForTheCard: the program waits for the card of the last order as for all others, and
// tells a clerk who leaves the card in to take it out; pcscd may end meanwhile.
func TestIssueAsksForTheCard(t *testing.T) {
	_, keyPath := keyFile(t)
	first := begin(t)
	cmd := command(t, "issue", "--demo", "--keys", keyPath, "--reader", "00 00")
	order, err := json.Marshal(transitOrder)
	must(t, err)
	cmd.Stdin = strings.NewReader(string(order) + "\n")
	var out strings.Builder
	cmd.Stdout = &out
	slot := first.slot()
	must(t, slot.Insert(t.Context(), chip.NewTransit(3)))
	s := listen(t, cmd)
	s.until("take the card out", "")
	first.end()
	s.until(isAway, "")
	begin(t)
	s.until(isBack, "")
	for range s.lines {
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), `"ok":true`) {
		t.Errorf("it ends with %v, and printed %s", err, out.String())
	}
}

// TestGateComesBack: a gate with its SAM in a reader takes fares again once pcscd has been started
// again.
func TestGateComesBack(t *testing.T) {
	store := keys.GenerateTest(7)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps, message.TopicFares))
	must(t, err)
	defer cluster.Close()
	fares := filepath.Join(t.TempDir(), "fares.json")
	must(t, os.WriteFile(fares, []byte(`{"version":"test-1","effectiveFrom":"20200101000000","maximumFen":100000,"metroStations":1,"metroClass":"AA==","metroLimitMinutes":240,"fares":[{"cardType":3,"prices":[{"metroFen":[200]}]}]}`), 0o600))
	psam := chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())
	first := begin(t)
	must(t, first.sam().Insert(t.Context(), psam))
	cmd := command(t, "--role", "gate", "--repeat", "0s", "--reader", "00 00", "--sam", "00 01", "--fares", fares, "--unsigned", "--kafka", strings.Join(cluster.ListenAddrs(), ","),
		"--data", filepath.Join(t.TempDir(), "data"))
	s := listen(t, cmd)
	s.until("taking fares", "")
	must(t, first.slot().Insert(t.Context(), personalised(t, store)))
	s.until("msg=paid", "")
	first.end()
	s.until(isAway, "")
	second := begin(t)
	must(t, second.sam().Insert(t.Context(), psam))
	s.until(isBack, "")
	must(t, second.slot().Insert(t.Context(), personalised(t, store)))
	s.until("msg=paid", "")
	must(t, cmd.Process.Signal(syscall.SIGTERM))
	for range s.lines {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it was stopped and ends with %v", err)
	}
}

func (d *daemon) sam() *vcard.Slot { return vcard.NewSlot(d.Slots[1]) }
