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
	"citycard/clearing/clearingtest"
	"citycard/clearing/rules"
	"citycard/cmd/books"
	"citycard/cmd/demostaff"
	"citycard/terminals/downlink"
)

// TestCommandsWaitForServe runs commands as soon as serve has taken its directory, seconds before
// it has books and brokers. They wait, say so, and then do their work.
func TestCommandsWaitForServe(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim").private() // the books are found by the directory
	dir := reachableDir(t)
	data, field := filepath.Join(dir, "data"), filepath.Join(dir, "field")
	p.testKeys(t, data, 3)
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
		{"person", "found", "--data", data, "--demo", "--people", filepath.Join(dir, "people")},
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
// Then editions are approved, and the running process takes them up: terminals are given fares that
// begin later, and these are taken away again by an edition without them.
func TestRulesAreAdopted(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	data, field := filepath.Join(dir, "data"), filepath.Join(dir, "field")
	p.testKeys(t, data, 3)
	p.run(t, "cardsim", "issue", "--data", field, "--cards", "100", "--keys", filepath.Join(data, "keys.age"), "--day", testDay)
	s, kafka, _ := p.serving(t, data, filepath.Join(field, "registry"))
	plain := []string{"serve", "--demo", "--day", testDay, "--data", data, "--registry", filepath.Join(field, "registry")}
	wantExit(t, p, 1, "fares: there is no such document", append(plain, "--rules", clearingtest.WriteFiles(t, nil))...)
	wantExit(t, p, 1, "the rules cannot be read", append(plain, "--rules", filepath.Join(dir, "nowhere"))...)
	s.start()
	s.ready()

	address := fmt.Sprintf("127.0.0.1:%d", kafka)
	opts, err := serverAccess(data).Options(address)
	if err != nil {
		t.Fatal(err)
	}
	adopted := func(edition string, tables int) {
		t.Helper()
		s.until(time.Minute, "on edition "+edition, func() bool {
			return strings.Contains(s.get("/metrics"), `citycard_rules_info{edition="`+edition+`+`)
		})
		s.until(time.Minute, fmt.Sprintf("of edition %s, whose %d tables terminals are given", edition, tables), func() bool {
			standing, err := downlink.Standing(t.Context(), []string{address}, opts...)
			return err == nil && len(standing) == tables+1 // and the calendar
		})
	}
	example := string(rules.Fares.Example())
	head, version, _ := strings.Cut(example, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	later := strings.NewReplacer(`"zz-2013"`, `"later"`, `"20131223"`, `"20350101"`).Replace(version)
	adopted("1", 1)
	staff := p.enrolled(t, "--data", data)
	for number, text := range []string{
		head + `"versions": [` + version + "," + later + "]}",
		example,
	} {
		drafts := clearingtest.WriteFiles(t, map[string]string{"fares.json": text})
		staff.two(demostaff.Ann, demostaff.Bob, "rules", "propose", drafts)
		adopted(fmt.Sprint(number+2), 2-number)
	}
	s.signal(os.Interrupt)
	wantExit(t, p, 7, "the rules are examples, for which nobody answers: network.json: simulated-1; fares.json: ", plain...)
	elsewhere := append(plain, "--examples", "--zone", "Europe/Berlin")
	wantExit(t, p, 7, "the rules were founded for the time zone Asia/Shanghai, not Europe/Berlin; leave --zone out", elsewhere...)
	wantExit(t, p, 7, "规则建立时的时区是 Asia/Shanghai，不是 Europe/Berlin；请去掉 --zone", append(elsewhere, "--language", "zh")...)
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
