package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/broker/kafkatest"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/cmd/demostaff"
	riders "citycard/simulators/passenger"
	"citycard/simulators/specimen"
)

// TestModeFromProposalToLedger follows a service mode on its whole way. Two people begin it at a
// clearing centre; a lane behind a real reader reads it from the signed topic, takes a card for
// nothing and says so; clearing finds the fare right because the mode is in force in the registry.
// Two people end it, and the next ride is paid as the one before it was.
func TestModeFromProposalToLedger(t *testing.T) {
	store := specimen.Keys()
	h := &hall{T: t, store: store}
	h.begin(1)
	const line, terminal = 901, "491010000000" // hall's first SAM
	made, err := specimen.New(t.Context(), specimen.Transit, 1, time.Now())
	must(t, err)
	c := startCentre(t, []*chip.TransitDescribed{made.Describe().Transit}, line, terminal)
	must(t, <-c.begun)
	c.enrol()
	bus := c.startValidator(line)
	card, stand := riders.Of(made), riders.NewStand(h.daemon.Slots[0])
	ride := func(inForce bool) {
		t.Helper()
		c.awaitLine(bus, fmt.Sprintf(`cardterm_lane_mode{lane="door",mode="no_fare"} %d`, map[bool]int{true: 1}[inForce]))
		must(t, stand.Pass(t.Context(), card, time.Minute))
	}
	c.awaitLine(bus, `cardterm_lane_serving{lane="door"} 1`)
	ride(false)
	c.two("mode", "begin", "no_fare", "--area", "operator:bus")
	ride(true)
	c.two("mode", "end", "no_fare", "--area", "operator:bus")
	ride(false)

	const fare = 160 // 2 yuan on line 901, and 0.8 of it for an ordinary card, in the example's table
	want := []booked{{Fen: fare}, {Fen: 0}, {Fen: fare}}
	for i, d := range card.Debits() {
		want[i].Verdict, want[i].Terminal = "cleared", terminal
		want[i].Card, want[i].Time, want[i].Sequence = hex.EncodeToString(d.Number[:]), hex.EncodeToString(d.Time[:]), d.Sequence
		if d.Fen != want[i].Fen {
			t.Errorf("ride %d cost %d fen, want %d", i+1, d.Fen, want[i].Fen)
		}
	}
	var got []lodged
	for got = c.taps(terminal); len(got) < len(want) && t.Context().Err() == nil; got = c.taps(terminal) {
		time.Sleep(100 * time.Millisecond)
	}
	slices.SortFunc(got, func(a, b lodged) int { return int(a.Sequence) - int(b.Sequence) })
	for i, b := range got {
		modes := c.claimed(b.Evidence)
		if b.booked != want[i] || strings.Join(modes, " ") != []string{"", "no_fare", ""}[i] {
			t.Errorf("ride %d is booked as %+v with the modes %v, want %+v", i+1, b.booked, modes, want[i])
		}
	}
	// Without the registry's mode the free ride would be a mismatch.
	for _, line := range []string{"citycard_fare_mismatches_total 0", "citycard_mode_mismatches_total 0", "citycard_place_mismatches_total 0"} {
		c.awaitLine(c.pages, line)
	}
}

// enrol enrols the people of a trial.
func (c *centre) enrol() {
	c.Helper()
	_, err := c.run("citycard", "person", "found", "--demo", "--people", c.path("people"), "--data", c.path("data"))
	must(c.T, err)
}

// two has one person propose what a command does, and another approve it.
func (c *centre) two(command ...string) {
	c.Helper()
	signed := func(id string) []string {
		return []string{"--demo", "--identity", demostaff.KeyFile(c.path("people"), id), "--data", c.path("data")}
	}
	out, err := c.run("citycard", slices.Concat(command, []string{"--reason", "a test", "--json"}, signed(demostaff.Ann))...)
	must(c.T, err)
	var p struct {
		Proposal int64  `json:"proposal"`
		Hash     string `json:"hash"`
	}
	must(c.T, json.Unmarshal(out, &p))
	_, err = c.run("citycard", append([]string{"proposal", "approve", fmt.Sprint(p.Proposal), "--hash", p.Hash}, signed(demostaff.Bob)...)...)
	must(c.T, err)
}

// startValidator starts a bus with one door at the first reader, which follows the centre, and
// returns the address of its pages.
func (c *centre) startValidator(line int) (pages string) {
	c.Helper()
	public, err := c.run("citycard", "publish-key", "show", "--data", c.path("data"))
	must(c.T, err)
	must(c.T, os.WriteFile(c.path("publisher"), public, 0o600))
	path, err := os.Executable()
	must(c.T, err)
	pages = kafkatest.FreeAddress(c)
	agent := exec.Command(path, "--role", "validator", "--vehicle", "B1", "--repeat", "0s", "--line", fmt.Sprint(line),
		"--lane", fmt.Sprintf("name=door,reader=%s,sam=%s", slotName(0, 0), slotName(0, 1)),
		"--publisher", c.path("publisher"), "--kafka", c.address(), "--kafka-user", "citycard", "--kafka-password-file", c.path("data", "kafka", "password"),
		"--data", c.path("bus"), "--ops", pages)
	agent.Env = append(os.Environ(), "LC_ALL=C", asProgram+"=1")
	words := &said{}
	agent.Stderr = words
	must(c.T, agent.Start())
	c.Cleanup(func() {
		must(c.T, agent.Process.Signal(syscall.SIGTERM))
		if err := agent.Wait(); err != nil || c.Failed() {
			c.Errorf("the lane ends with %v:\n%s", err, words.all())
		}
	})
	return pages
}

// awaitLine waits until a line is on the pages of a program.
func (c *centre) awaitLine(address, line string) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	for page := ""; !strings.Contains(page, "\n"+line+"\n"); page = metricsAt(ctx, address) {
		select {
		case <-ctx.Done():
			name, _, _ := strings.Cut(line, " ")
			_, has, _ := strings.Cut(page, "\n"+name)
			has, _, _ = strings.Cut(has, "\n")
			c.Fatalf("the pages lack %s; they have %s%s", line, name, has)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// metricsAt are a program's metrics; empty while it has none.
func metricsAt(ctx context.Context, address string) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return ""
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()          //nolint:errcheck // it is read to its end
	page, _ := io.ReadAll(answer.Body) //nolint:errcheck // what is missing is looked for again
	return string(page)
}

// claimed are the modes that a booked tap names.
func (c *centre) claimed(evidence string) (modes []string) {
	c.Helper()
	record, err := hex.DecodeString(evidence)
	must(c.T, err)
	tap := new(message.Tap)
	must(c.T, proto.Unmarshal(record, tap))
	return codesOf(tap.GetServiceMode())
}
