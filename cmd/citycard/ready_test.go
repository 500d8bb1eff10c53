package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/cmd/books"
)

// TestCommandsWaitForServe runs commands as soon as serve has taken its directory, seconds before
// it has books and brokers. They wait, say so, and then do their work.
func TestCommandsWaitForServe(t *testing.T) {
	p := build(t, "citycard", "cardsim").private() // the books are found by the directory
	dir := reachableDir(t)
	data, field := filepath.Join(dir, "data"), filepath.Join(dir, "field")
	p.run(t, "citycard", "keys", "--data", data, "--seed", "3")
	p.run(t, "cardsim", "issue", "--data", field, "--cards", "100", "--keys", filepath.Join(data, "keys.age"), "--day", testDay)
	wantExit(t, p, 4, "nothing serves "+data+"; start citycard serve", "ready", "--data", data, "--wait", "0s")
	wantExit(t, p, 6, "no books in "+data, "day", "status", "--data", data)

	ops := kafkatest.FreePort(t)
	s := &process{T: t, programs: p, ops: fmt.Sprintf("127.0.0.1:%d", ops), args: []string{
		"serve", "--demo", "--examples", "--day", testDay, "--data", data, "--registry", filepath.Join(field, "registry"),
		"--kafka-port", fmt.Sprint(kafkatest.FreePort(t)), "--api", "127.0.0.1:0", "--ops", fmt.Sprintf("127.0.0.1:%d", ops),
	}}
	s.start()
	s.until(time.Minute, "at work", func() bool {
		_, word := books.ReadRunning(data)
		return word
	})
	waits := [][]string{
		{"receive", "--data", data, "--account", "fund:employee", "--amount", "10", "--reference", "r-1"},
		{"day", "close", "--data", data, "--day", testDay},
		{"ready", "--data", data},
	}
	said := make([]chan error, len(waits))
	errs := make([]bytes.Buffer, len(waits))
	for i, args := range waits {
		said[i] = make(chan error, 1)
		command := p.command(t.Context(), "citycard", args...)
		command.Stderr = &errs[i]
		go func() { said[i] <- command.Run() }()
	}
	for i, args := range waits {
		if err := <-said[i]; err != nil || !strings.Contains(errs[i].String(), "waiting for serve to be ready") {
			t.Errorf("%s while serve starts: %v\n%s", args[0], err, errs[i].String())
		}
	}
	wantExit(t, p, 0, "", "ready", "--data", data, "--wait", "0s")
	s.signal(syscall.SIGKILL) // and what it left behind is not taken for a serve
	wantExit(t, p, 4, "is there and not ready", "ready", "--data", data, "--wait", "0s")
	wantExit(t, p, 4, "nothing serves", "ready", "--data", data, "--wait", "200ms")
}

// TestRulesAreAdopted starts serve with example rules, which it refuses unless that is asked for.
// Then an edition is approved, and the running process takes it up.
func TestRulesAreAdopted(t *testing.T) {
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	data, field, drafts := filepath.Join(dir, "data"), filepath.Join(dir, "field"), filepath.Join(dir, "drafts")
	p.run(t, "citycard", "keys", "--data", data, "--seed", "3")
	p.run(t, "cardsim", "issue", "--data", field, "--cards", "100", "--keys", filepath.Join(data, "keys.age"), "--day", testDay)
	s, _, _ := p.serving(t, data, filepath.Join(field, "registry"))
	wantExit(t, p, 1, "fares: there is no such document", "serve", "--demo", "--day", testDay, "--data", data, "--registry", filepath.Join(field, "registry"))
	wantExit(t, p, 1, "the rules cannot be read", "serve", "--demo", "--day", testDay, "--data", data, "--registry", filepath.Join(field, "registry"), "--rules", drafts)
	s.start()
	s.ready()
	if page := s.get("/metrics"); !strings.Contains(page, `citycard_rules_info{edition="1+`) {
		t.Error("the first edition is not in use")
	}
	p.run(t, "citycard", "rules", "template", drafts)
	path := filepath.Join(drafts, "medical.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"network.json", "fares.json", "loads.json", "pension.json", "payouts.json"} {
		if err := os.Remove(filepath.Join(drafts, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(`"deductible_fen": `), []byte(`"deductible_fen": 1`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	p.run(t, "citycard", "rules", "propose", drafts, "--data", data, "--by", "ann", "--reason", "council")
	p.run(t, "citycard", "rules", "approve", "2", "--data", data, "--by", "bob")
	s.until(time.Minute, "on the second edition", func() bool {
		return strings.Contains(s.get("/metrics"), `citycard_rules_info{edition="2+`)
	})
	s.signal(os.Interrupt)
	wantExit(t, p, 7, "the rules are examples, for which nobody answers: network.json: simulated-1; fares.json: ", "serve", "--demo", "--day", testDay, "--data", data, "--registry", filepath.Join(field, "registry"))
}

// wantExit runs citycard to its end, and wants an exit code and a text among what it says.
func wantExit(t *testing.T, p programs, code int, text string, args ...string) {
	t.Helper()
	command := p.command(t.Context(), "citycard", args...)
	var errs bytes.Buffer
	command.Stderr = &errs
	err := command.Run()
	if got := command.ProcessState.ExitCode(); got != code || !strings.Contains(errs.String(), text) {
		t.Errorf("%s: exit code %d (%v), want %d; it says %q, want %q", strings.Join(args, " "), got, err, code, errs.String(), text)
	}
}
