package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/simulators/specimen"
)

// lodgedTicket is an exit ticket as the centre lists it.
type lodgedTicket struct {
	Ticket   string `json:"ticket"`
	Reason   string `json:"reason"`
	Cash     int    `json:"cash_fen"`
	Staff    string `json:"staff"`
	Operator string `json:"operator"`
	Booked   string `json:"booked"`
	Void     *struct {
		Back int `json:"cash_back_fen"`
	} `json:"void"`
}

// TestTicketsFromDesksToLedger follows the exit tickets of two desks on their whole way: each is
// kept at the centre once, under its desk's number, and the cash of both is their operator's. One
// desk is killed between its disk and the printer, and is away from the brokers meanwhile.
func TestTicketsFromDesksToLedger(t *testing.T) {
	store := specimen.Keys()
	h := &hall{T: t, store: store}
	h.begin(2)
	made, err := specimen.New(t.Context(), specimen.Transit, 1, time.Now())
	must(t, err)
	c := startCentre(t, nil, 1, "491010000000", "491010000001")
	must(t, <-c.begun)
	held := made.Describe().Transit.Number
	public, err := c.run("citycard", "publish-key", "show", "--data", c.path("data"))
	must(t, err)
	must(t, os.WriteFile(c.path("publisher"), public, 0o600))
	desk := func(n int, brokers, name string, args ...string) (string, error) {
		t.Helper()
		out, err := command(t, append([]string{
			"station", "ticket", name, "--reader", slotName(n, 0), "--sam", slotName(n, 1), "--line", "1", "--station", "2", "--publisher", c.path("publisher"),
			"--kafka", brokers, "--kafka-user", "citycard", "--kafka-password-file", c.path("data", "kafka", "password"), "--data", c.path(fmt.Sprint("desk", n)),
		}, args...)...).CombinedOutput()
		return string(out), err
	}
	does := func(n int, name string, args ...string) {
		t.Helper()
		if out, err := desk(n, c.address(), name, args...); err != nil {
			t.Fatalf("desk %d, %s %v: %v: %s", n, name, args, err, out)
		}
	}
	does(0, "give", "--reason", "lost", "--cash", "9", "--staff", "A17")
	does(1, "give", "--reason", "damaged", "--cash", "4.50", "--card", held, "--staff", "B2")
	must(t, os.WriteFile(c.path("killer"), []byte("#!/bin/sh\nkill -9 $PPID\n"), 0o700)) //nolint:gosec // it is a program
	nobody := kafkatest.FreeAddress(t)
	if out, err := desk(0, nobody, "give", "--reason", "lost", "--cash", "9", "--staff", "A17", "--printer", "command:"+c.path("killer")); !killed(err) {
		t.Fatalf("the desk ends with %v: %s", err, out)
	}
	does(0, "print", "2")
	does(0, "void", "--staff", "A17", "--because", "found it", "--cash-back", "9", "2")
	does(0, "give", "--reason", "staff", "--because", "ill", "--staff", "A17")

	want := map[string]string{
		"491010000000-1": "lost_ticket 900 A17 bus", "491010000000-2": "lost_ticket 900 A17 bus void 900", "491010000000-3": "staff 0 A17 bus",
		"491010000001-1": "damaged_card 450 B2 bus",
	}
	got := map[string]string{}
	for ; !maps.Equal(got, want) && t.Context().Err() == nil; time.Sleep(100 * time.Millisecond) {
		if got = c.tickets(); len(got) > len(want) {
			t.Fatalf("kept: %v", got)
		}
		if t.Failed() {
			return
		}
	}
	out, err := c.run("citycard", "tap", "cash", "--operator", "bus", "--json", "--data", c.path("data"))
	must(t, err)
	for _, line := range []string{`"purpose":"exit_ticket","count":4,"fen":2250}`, `"purpose":"exit_ticket_void","count":1,"fen":-900}`} {
		if !strings.Contains(string(out), line) {
			t.Errorf("the cash is %s, want %s", out, line)
		}
	}
	if strings.Contains(string(out), held) {
		t.Error("the cash names a card")
	}
}

// killed reports whether a program was.
func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == -1
}

// tickets are those that are kept, by SAM and running number.
func (c *centre) tickets() map[string]string {
	c.Helper()
	out, err := c.run("citycard", "tap", "exits", "--json", "--data", c.path("data"))
	must(c.T, err)
	all := map[string]string{}
	for line := range strings.Lines(string(out)) {
		var k lodgedTicket
		must(c.T, json.Unmarshal([]byte(line), &k))
		parts := strings.Split(k.Ticket, "-")
		name := parts[0] + "-" + strings.TrimLeft(parts[2], "0")
		what := fmt.Sprintf("%s %d %s %s", k.Reason, k.Cash, k.Staff, k.Operator)
		if k.Void != nil {
			what += fmt.Sprintf(" void %d", k.Void.Back)
		}
		if k.Booked == "" || all[name] != "" {
			c.Errorf("%s is kept twice, or without its ticket: %s", name, line)
		}
		all[name] = what
	}
	return all
}
