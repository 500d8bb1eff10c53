package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/pcscd/pcscdtest"
)

// ticketDesk is a desk whose commands give exit tickets.
type ticketDesk struct {
	*testing.T
	base []string
}

func (d *ticketDesk) command(name string, args ...string) *exec.Cmd {
	d.Helper()
	return command(d.T, append(append([]string{"station", "ticket", name}, d.base...), args...)...)
}

// does runs a command that succeeds, and returns what it prints.
func (d *ticketDesk) does(name string, args ...string) string {
	d.Helper()
	cmd := d.command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		d.Fatalf("%s %v: %v: %s", name, args, err, stderr.String())
	}
	return string(out)
}

// refused runs one that is refused, with an exit code and a text.
func (d *ticketDesk) refused(code int, want, name string, args ...string) {
	d.Helper()
	out, err := d.command(name, args...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != code || !strings.Contains(string(out), want) {
		d.Errorf("%s %v: %v: %s\nwant exit code %d and %q", name, args, err, out, code, want)
	}
}

// list is what the desk remembers.
func (d *ticketDesk) list() (all []ticketShown) {
	d.Helper()
	must(d.T, json.Unmarshal([]byte(d.does("list", "--json")), &all))
	return all
}

// nextTickets are the next records of the topic.
func nextTickets(t *testing.T, client *kgo.Client, n int) (all []*message.ExitTicket) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for len(all) < n {
		fetches := client.PollRecords(ctx, n-len(all))
		if ctx.Err() != nil {
			t.Fatalf("%d of %d records of tickets came: %v", len(all), n, fetches.Err())
		}
		for _, r := range fetches.Records() {
			ticket, err := message.CheckExitTicket(r.Value)
			must(t, err)
			all = append(all, ticket)
		}
	}
	return all
}

// A desk gives exit tickets: each is with the brokers, under a number of its own. One whose desk
// was killed between its disk and the printer, and one whose printer failed, are known: their
// numbers are not given again, and they are printed under them.
func TestStationTickets(t *testing.T) {
	s := pcscdtest.Slots(t)
	takeOut(t, nil)
	must(t, s[1].Insert(t.Context(), chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, keys.GenerateTest(7).SAMKeys())))
	defer s[1].Remove() //nolint:errcheck // the test ends
	cluster, client := deskBroker(t)
	client.AddConsumeTopics(message.TopicExitTickets)
	folder := t.TempDir()
	d := &ticketDesk{t, []string{
		"--reader", "00 00", "--sam", "00 01", "--line", "1", "--station", "2", "--unsigned", "--kafka", strings.Join(cluster.ListenAddrs(), ","),
		"--data", filepath.Join(folder, "data"),
	}}
	paper := d.does("give", "--reason", "lost", "--cash", "9", "--staff", "A17", "--receipt-heading", "City Metro")
	if !strings.HasPrefix(paper, "City Metro\nExit ticket\nnumber: 491010000001-") || !strings.Contains(paper, "-0001\nvalid until: ") || !strings.Contains(paper, "station: 1/2\n") {
		t.Errorf("%s", paper)
	}
	first := nextTickets(t, client, 1)[0]
	if first.GetNumber() != 1 || first.GetCashFen() != 900 || first.GetStaff() != "A17" || first.GetStation() != 2 || first.GetLine() != 1 {
		t.Errorf("ticket %v", first)
	}

	// The printer's program kills the desk, twice.
	killer := filepath.Join(folder, "killer")
	must(t, os.WriteFile(killer, []byte("#!/bin/sh\nkill -9 $PPID\n"), 0o700)) //nolint:gosec // it is a program
	for n := uint32(2); n <= 3; n++ {
		if err := d.command("give", "--reason", "damaged", "--card", transitOrder.Transit.Number, "--cash", "4.50", "--staff", "A17", "--printer", "command:"+killer).Run(); err == nil {
			t.Error("the desk was not killed")
		}
		if all := d.list(); len(all) != int(n) || all[n-1].Number != n || all[n-1].Card != "****0012" || all[n-1].Cash != 450 {
			t.Errorf("the desk remembers %+v", all)
		}
	}
	slip := filepath.Join(folder, "slip")
	printer := "command:tee " + slip
	if out := d.does("print", "--printer", printer, "2"); !strings.Contains(out, "-0002 is printed") {
		t.Errorf("%s", out)
	}
	again, err := os.ReadFile(slip)
	must(t, err)
	if twice := d.does("print", "2"); twice != string(again) || strings.Contains(twice, transitOrder.Transit.Number) {
		t.Errorf("printed again: %s, before: %s", twice, again)
	}

	// The printer is away.
	d.refused(1, "-0004 is given, and not printed", "give", "--reason", "staff", "--because", "ill", "--staff", "A17", "--printer", "device:"+filepath.Join(folder, "none", "lp0"))
	if paper := d.does("print", "4"); !strings.Contains(paper, "reason: staff decide (ill)\n") {
		t.Errorf("%s", paper)
	}
	d.refused(7, "say with --cash-back how much of its 4.50 yuan", "void", "--staff", "B2", "--because", "found the card", "3")
	d.refused(7, "more would be given back", "void", "--staff", "B2", "--because", "found the card", "--cash-back", "5", "3")
	if out := d.does("void", "--staff", "B2", "--because", "found the card", "--cash-back", "4.50", "3"); !strings.Contains(out, "-0003 no longer counts; 4.50 yuan given back") {
		t.Errorf("%s", out)
	}
	d.refused(7, "does not count any more", "void", "--staff", "B2", "--because", "again", "--cash-back", "4.50", "3")
	d.refused(7, "does not count any more", "print", "3")
	d.refused(7, "does not remember", "print", "9")
	d.refused(7, "does not remember", "print", "491010000001-20200105-0001")
	d.refused(2, "which ticket?", "print")
	if paper := d.does("print", message.TicketName(first)); !strings.Contains(paper, message.TicketName(first)) {
		t.Errorf("%s", paper)
	}
	d.refused(7, "who does it gives a name", "give", "--reason", "lost")
	d.refused(7, "by which update", "give", "--reason", "ended", "--staff", "A17")
	d.refused(7, "there is no such reason", "give", "--reason", "late", "--staff", "A17")
	d.refused(2, "--ticket-minutes 0", "give", "--reason", "lost", "--staff", "A17", "--ticket-minutes", "0")
	if ended := d.does("give", "--reason", "ended", "--update", "02", "--staff", "A17", "--json"); !strings.Contains(ended, `"update": "02"`) || !strings.Contains(ended, `"number": 5`) {
		t.Errorf("%s", ended)
	}
	if shown := d.does("list"); !strings.Contains(shown, "void (B2): found the card; 4.50 yuan given back") || !strings.Contains(shown, "valid, unless it was used") {
		t.Errorf("%s", shown)
	}
	// A desk that was killed sends what it had sent again.
	missing := map[string]bool{"2 false": true, "3 false": true, "3 true": true, "4 false": true, "5 false": true}
	for len(missing) > 0 {
		ticket := nextTickets(t, client, 1)[0]
		delete(missing, fmt.Sprintf("%d %t", ticket.GetNumber(), ticket.GetVoid() != nil))
	}
}

// An update that ends a trip gives its ticket with it.
func TestStationUpdateWithTicket(t *testing.T) {
	s := pcscdtest.Slots(t)
	takeOut(t, nil)
	store := keys.GenerateTest(7)
	must(t, s[1].Insert(t.Context(), chip.NewPSAM([6]byte{0x49, 0x10, 0x10, 0, 0, 1}, store.SAMKeys())))
	must(t, s[0].Insert(t.Context(), personalised(t, store)))
	defer takeOut(t, s[0])
	cluster, client := deskBroker(t)
	client.AddConsumeTopics(message.TopicExitTickets)
	update := func(args ...string) (string, error) {
		out, err := command(t, append([]string{
			"station", "update", "--reader", "00 00", "--sam", "00 01", "--station", "2", "--unsigned", "--kafka", strings.Join(cluster.ListenAddrs(), ","),
			"--data", filepath.Join(t.TempDir(), "data"), "--yes",
		}, args...)...).CombinedOutput()
		return string(out), err
	}
	if out, err := update("--reason", "03", "--from", "1", "--staff", "A17", "--ticket"); err == nil || !strings.Contains(out, "no exit ticket for this") {
		t.Errorf("%v: %s", err, out)
	}
	out, err := update("--reason", "03", "--pay", "cash", "--staff", "A17", "--ticket")
	if err != nil || !strings.Contains(out, "update 03 done") || !strings.Contains(out, "reason: the trip was ended at the desk, update 03\n") {
		t.Errorf("%v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	topics := map[string]int{}
	for len(topics) < 2 && ctx.Err() == nil {
		for _, r := range client.PollRecords(ctx, 2).Records() {
			topics[r.Topic]++
		}
	}
	if topics[message.TopicTaps] != 1 || topics[message.TopicExitTickets] != 1 {
		t.Errorf("%v came", topics)
	}
}
