package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/broker/kafkatest"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/rules"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/ledger/embedded"
	"citycard/ledger/ledgertest"
	"citycard/terminals/downlink"
)

// adoptions is how many editions BenchmarkAdopt approves.
const adoptions = 5

// BenchmarkAdopt approves editions with other fares while two processes serve, and measures from
// the commit of an approval until both price by the edition and its table is on the topic; the
// longest of five counts. The first process has a PostgreSQL and a broker, which the second uses.
func BenchmarkAdopt(b *testing.B) {
	for range b.N {
		b.ReportMetric(longestAdoption(b).Seconds(), "rules.adopt_seconds")
	}
	b.ReportMetric(0, "ns/op")
}

func longestAdoption(b *testing.B) (longest time.Duration) {
	b.Helper()
	p := build(b, "citycard", "cardsim").private()
	dir := reachableDir(b)
	data, field, other := filepath.Join(dir, "data"), filepath.Join(dir, "field"), filepath.Join(dir, "other")
	p.run(b, "citycard", "keys", "--data", data, "--seed", "3")
	p.run(b, "cardsim", "issue", "--data", field, "--cards", "100", "--keys", filepath.Join(data, "keys.age"), "--day", testDay)
	kafka := kafkatest.FreeAddress(b)
	_, port, _ := strings.Cut(kafka, ":")
	plain := []string{"serve", "--demo", "--examples", "--day", testDay, "--registry", filepath.Join(field, "registry"), "--api", "127.0.0.1:0"}
	ops := []string{serveFor(b, p, append(plain, "--data", data, "--kafka-port", port)...)}
	database := embedded.Running(books.PrivateDir(data))
	if database == "" {
		b.Fatal("serve has not written where its database is")
	}
	access := serverAccess(data)
	ops = append(ops, serveFor(b, p, append(plain, "--data", other, "--keys", filepath.Join(data, "keys.age"), "--db", database,
		"--kafka", kafka, "--kafka-user", access.User, "--kafka-password-file", access.PasswordFile)...))
	opts, err := access.Options(kafka)
	if err != nil {
		b.Fatal(err)
	}
	l := ledgertest.Connect(b, database, 4)
	staff := peopletest.New(b, l)
	office, err := server.Proposals(l)
	if err != nil {
		b.Fatal(err)
	}
	for n := range adoptions {
		edition := int64(n + 2)
		body, err := proposal.Body(rules.Request{Documents: map[rules.Kind][]byte{rules.Fares: []byte(faresWithMore(n + 1))}})
		if err != nil {
			b.Fatal(err)
		}
		request, _, err := office.Complete(b.Context(), rules.ChangeName, body)
		if err != nil {
			b.Fatal(err)
		}
		view, err := office.Propose(b.Context(), rules.ChangeName, request, "council", staff.Signer(b, "ann"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := office.Approve(b.Context(), view.Number, hex.EncodeToString(view.Hash[:]), staff.Signer(b, "bob")); err != nil {
			b.Fatal(err)
		}
		committed := time.Now()
		for _, address := range ops {
			for !strings.Contains(page(address, "/metrics"), fmt.Sprintf(`citycard_rules_info{edition="%d+`, edition)) {
				if time.Since(committed) > time.Minute {
					b.Fatalf("no process prices by edition %d after a minute", edition)
				}
			}
		}
		longest = max(longest, time.Since(committed))
		standing, err := downlink.Standing(b.Context(), []string{kafka}, opts...)
		for ; err == nil && len(standing) != n+3; standing, err = downlink.Standing(b.Context(), []string{kafka}, opts...) {
			if time.Since(committed) > time.Minute {
				b.Fatalf("edition %d: %d records are on the topic after a minute, want %d, the calendar too", edition, len(standing), n+3)
			}
		}
		if err != nil {
			b.Fatal(err)
		}
		for _, record := range standing {
			longest = max(longest, record.Timestamp.Sub(committed))
		}
	}
	return longest
}

// faresWithMore are the example's fares with more versions, one a year from 2028 on.
func faresWithMore(versions int) string {
	head, version, _ := strings.Cut(string(rules.Fares.Example()), `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	all := []string{version}
	for n := range versions {
		all = append(all, strings.NewReplacer(`"zz-2013"`, fmt.Sprintf(`"later-%d"`, n), `"20131223"`, fmt.Sprintf(`"%d0101"`, 2028+n)).Replace(version))
	}
	return head + `"versions": [` + strings.Join(all, ",") + "]}"
}

// serveFor starts a process that serves until the benchmark ends, and returns the address of its
// pages when it is ready.
func serveFor(b *testing.B, p programs, args ...string) string {
	b.Helper()
	address := kafkatest.FreeAddress(b)
	command := p.command(b.Context(), "citycard", append(args, "--ops", address)...)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = command.Wait() }) // the benchmark's context has ended it
	for start := time.Now(); page(address, "/readyz") == ""; {
		if time.Since(start) > 2*time.Minute {
			b.Fatalf("serve is not ready:\n%s", said.String())
		}
	}
	return address
}

// page is what a process answers, "" if it does not.
func page(address, path string) string {
	time.Sleep(10 * time.Millisecond)
	response, err := http.Get("http://" + address + path)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}
