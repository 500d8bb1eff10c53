package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/clearing/people/access"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/demostaff"
	"citycard/ledger/embedded"
)

// TestTwoProcesses clears a day with two serving processes that share one real
// Kafka and one database. Meanwhile each is killed, the broker is killed, and one
// process is stopped (SIGSTOP) until the other has taken its partitions, and then
// continued. At the end every transaction is booked once and every purse agrees. Both know a
// credential that a command issued, and that it was revoked.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	kafka := kafkatest.Start(t)
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	database, err := embedded.Open(t.Context(), embedded.Options{URL: bookstest.Database(t), Dir: filepath.Join(dir, "database")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	data, field := filepath.Join(dir, "data"), filepath.Join(dir, "field")
	keyFile := filepath.Join(data, "keys.age")
	city := []string{"--data", field, "--cards", "2000", "--seed", "9", "--keys", keyFile, "--day", testDay}
	p.testKeys(t, data, 9)
	p.run(t, "cardsim", append([]string{"issue"}, city...)...)

	servers := make([]*process, 2)
	apis := make([]int, len(servers))
	for i := range servers {
		ops := kafkatest.FreePort(t)
		apis[i] = kafkatest.FreePort(t)
		servers[i] = &process{T: t, programs: p, ops: fmt.Sprintf("127.0.0.1:%d", ops), args: []string{
			"serve", "--demo", "--examples", "--day", testDay, "--data", filepath.Join(dir, fmt.Sprintf("data-%d", i)), "--db", database.URL, "--kafka", kafka.Addr,
			"--keys", keyFile, "--registry", filepath.Join(field, "registry"),
			"--api", fmt.Sprintf("127.0.0.1:%d", apis[i]), "--ops", fmt.Sprintf("127.0.0.1:%d", ops),
		}}
		servers[i].start()
		servers[i].ready()
	}
	books := []string{"--data", data, "--db", database.URL}
	staff := p.enrolled(t, "--data", filepath.Join(dir, "data-0"))
	staff.receive("50000000", "fund:employee", "fund:resident", "pension:fund")
	tokens := staff.letIn(filepath.Join(field, "registry"))
	played := make(chan error, 1)
	play := p.command(t.Context(), "cardsim", append([]string{"city", "--kafka", kafka.Addr, "--api", fmt.Sprintf("http://127.0.0.1:%d", apis[0]), "--tokens", tokens}, city...)...)
	var said bytes.Buffer
	play.Stdout, play.Stderr = &said, &said
	go func() { played <- play.Run() }()

	for _, s := range servers {
		s.signal(syscall.SIGKILL)
		s.start()
	}
	servers[0].ready()
	kafka.Kill()
	kafka.Run()
	servers[0].overtakes(servers[1])
	if err := <-played; err != nil {
		t.Fatalf("the city: %v\n%s", err, said.String())
	}
	p.run(t, "citycard", "day", "close", "--day", testDay, "--data", filepath.Join(dir, "data-0"))
	var v verification
	out := p.run(t, "citycard", "verify", "--data", data, "--db", database.URL, "--truth", filepath.Join(field, "truth"), "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if !v.Holds || v.Truth.Sent < 20_000 {
		t.Errorf("two processes, kills and a stop: %s", out)
	}
	wantPublished(t, kafka.Addr, filepath.Join(field, "truth"))
	// What one process of a command does, all serving ones know.
	both := []string{fmt.Sprintf("http://127.0.0.1:%d", apis[0]), fmt.Sprintf("http://127.0.0.1:%d", apis[1])}
	counters := tokenIn(t, tokens, "counter")
	wantAccess(t, counters, true, both...)
	var credentials []credentialLine
	for line := range strings.Lines(p.run(t, "citycard", append([]string{"access", "list", "--json"}, books...)...)) {
		var c credentialLine
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		credentials = append(credentials, c)
	}
	at := slices.IndexFunc(credentials, func(c credentialLine) bool { return c.Hash == access.HashToken(counters).String()[:2*access.Listed] })
	if at < 0 {
		t.Fatalf("the counter's token is not listed: %+v", credentials)
	}
	staff.alone(demostaff.Ann, "access", "revoke", fmt.Sprint(credentials[at].Number))
	wantAccess(t, counters, false, both...)
	wantAccess(t, tokenIn(t, tokens, "kiosk"), true, both...)
	for _, s := range servers {
		s.signal(syscall.SIGTERM)
	}
}

// allStreams are the partitions of all input topics.
const allStreams = 28

// streams is how many partitions the server has now.
func (s *process) streams() int {
	return strings.Count(s.get("/metrics"), "\ncitycard_stream_position{")
}

// overtakes stops the other process until this one has leased all its
// partitions, and then lets it go on.
func (s *process) overtakes(other *process) {
	s.Helper()
	other.ready()
	if err := other.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		s.Fatal(err)
	}
	s.until(time.Minute, "in possession of the other's partitions", func() bool {
		return s.streams() == allStreams
	})
	if err := other.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		s.Fatal(err)
	}
}
