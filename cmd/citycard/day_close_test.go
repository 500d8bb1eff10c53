package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/counters"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/topics"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/ledger"
)

// TestCloseWithout closes a day while a topic makes no progress. With one person the close waits
// and says for which topic. With two people it closes without the topic, and the audit has the
// topic's position. Repeating the command, or closing the next day without the topic too, changes
// nothing in the audit's earlier entry.
func TestCloseWithout(t *testing.T) {
	b, dir := bookstest.New(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const first ledger.Day = 20260105
	town := clearingtest.New(t, nil)
	town.Found(t, b.Pool())
	must(b.OpenDay(t.Context(), first))
	must(b.OpenAccounts(t.Context(), chart.Accounts(town.Registry.Current())))
	embedded, err := broker.Start(filepath.Join(t.TempDir(), "kafka"), 0, slog.New(slog.DiscardHandler))
	must(err)
	defer func() { must(embedded.Close()) }()
	opts, err := embedded.Access.Options(embedded.Addr)
	must(err)
	client, err := broker.Connect(t.Context(), embedded.Addr, 10*time.Second, slog.New(slog.DiscardHandler), append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	must(err)
	defer client.Close()
	must(topics.Layout{Partitions: 3}.Ensure(t.Context(), client, topics.All()...))
	for partition, n := range []int{0, 3, 2} {
		for range n {
			must(client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicMedicalRequests, Partition: int32(partition), Value: []byte("claim")}).FirstErr())
		}
	}
	// One of the three is booked.
	lease, err := b.Lease(t.Context(), "medical.requests/1", "test", 0)
	must(err)
	_, err = b.Post(t.Context(), &ledger.Batch{Stream: lease.Stream, Epoch: lease.Epoch, From: 0, Next: 1, Day: first})
	must(err)

	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	closeOf := func(on ledger.Day, w *without) *closing {
		t.Helper()
		must(w.check())
		c := &closing{command: newCommand("day close", "", "", ""), server: &server.Settings{Day: books.Day(on)}, without: *w}
		c.Data = dir
		return c
	}
	closeIt := func(ctx context.Context, on ledger.Day, w *without) error {
		t.Helper()
		return closeOf(on, w).closeOne(ctx, b, client, log)
	}
	preview := func(w *without) string {
		t.Helper()
		c := closeOf(first, w)
		c.dry = true
		return printed(t, func() {
			must(c.closeOne(t.Context(), &books.Books{Ledger: ledger.New(b.Pool(), b.Dialect(), ledger.WithRehearsal())}, client, log))
		})
	}
	impatient, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := closeIt(impatient, first, &without{}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "medical.requests/1 stands at 1 of 3") {
		t.Errorf("the close ended with %v, want it to wait for medical.requests/1 at 1 of 3", err)
	}
	two := func(streams ...string) *without {
		return &without{streams: streams, people: people{"Li", "Wang", "the desk's topic stands"}}
	}
	if err := (&without{streams: []string{"medical.requests"}, people: people{"Li", "LI", "r"}}).check(); err == nil {
		t.Error("one person may close a day without a topic")
	}
	cancelled, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	if err := closeIt(cancelled, first, two("medical.requests/1")); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "medical.requests/2 stands at 0 of 2") {
		t.Errorf("the close ended with %v, want it to wait for the other partition", err)
	}
	const waits1, waits2 = "it waits for medical.requests/1, which is at 1 of 3", "it waits for medical.requests/2, which is at 0 of 2"
	if text := preview(&without{}); !strings.Contains(text, waits1) || !strings.Contains(text, waits2) {
		t.Errorf("the preview says\n%swant it to wait for both partitions", text)
	} else if !strings.Contains(text, "operators' money of day 20260105 is due on 20260106\n") {
		t.Errorf("the preview says\n%swant it to name the next workday", text)
	}
	// Two people have decided, and the close was killed before it moved the streams. It does not
	// wait for these streams, even if it is repeated without the flag.
	closer, err := server.NewCloser(t.Context(), b.Ledger, dir)
	must(err)
	cut, err := intake.CutNow(t.Context(), client)
	must(err)
	must(two("medical.requests").wait(t.Context(), closer, first, cut, log))
	if text := preview(&without{}); strings.Contains(text, "it waits for") || strings.Count(text, "it does not wait for medical.requests/") != 2 {
		t.Errorf("the preview says\n%swant it to wait for neither partition", text)
	}
	for range 2 {
		must(closeIt(t.Context(), first, two("medical.requests")))
	}
	must(closeIt(t.Context(), first.Next(), two("medical.requests")))
	checker := counters.Checker{Ledger: b.Ledger}
	for _, on := range []ledger.Day{first, first.Next()} {
		list, err := checker.Unread(t.Context(), on)
		must(err)
		want := []counters.Unread{{Day: on, Stream: "medical.requests/1", At: 1, End: 3}, {Day: on, Stream: "medical.requests/2", At: 0, End: 2}}
		if len(list) != 2 || list[0] != want[0] || list[1] != want[1] {
			t.Errorf("%s was closed without %v, want %v", on, list, want)
		}
	}
	entries, err := b.Audit(t.Context())
	must(err)
	for _, e := range entries {
		if e.Act == counters.ActCloseWithout && (e.First != "Li" || e.Second != "Wang" || e.Reason == "") {
			t.Errorf("the audit has %+v", e)
		}
	}
}
