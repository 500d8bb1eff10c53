package main

import (
	"context"
	"encoding/hex"
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
	"citycard/clearing/dayclose"
	"citycard/clearing/message"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/topics"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

// TestCloseWithout closes a day while a topic makes no progress. The close waits and says for which
// stream. Once one person has proposed not to wait and another has approved it, it closes without
// the topic, and the audit has its positions; for another day it takes another approval.
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

	door := serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}, Kafka: embedded.Addr, Access: embedded.Access})
	closeOf := func(on ledger.Day) *closing {
		c := &closing{command: newCommand("day close", "", "", ""), day: books.Day(on)}
		c.Data = dir
		return c
	}
	closeIt := func(ctx context.Context, on ledger.Day) error {
		t.Helper()
		return closeOf(on).closeOne(ctx, door)
	}
	preview := func() string {
		t.Helper()
		c := closeOf(first)
		c.dry = true
		return printed(t, func() { must(c.closeOne(t.Context(), door)) })
	}
	staff := peopletest.New(t, b.Ledger)
	office, err := server.Proposals(b.Ledger)
	must(err)
	standing := func(on ledger.Day, streams ...string) dayclose.WithoutRequest {
		t.Helper()
		request, err := door.Standing(t.Context(), closeOf(on).what(), streams)
		must(err)
		return request
	}
	proposeIt := func(request dayclose.WithoutRequest) (*proposal.View, error) {
		t.Helper()
		body, err := proposal.Body(request)
		must(err)
		return office.Propose(t.Context(), dayclose.WithoutName, body, "the desk's topic stands", staff.Signer(t, "ann"))
	}
	approve := func(v *proposal.View, by string) error {
		_, err := office.Approve(t.Context(), v.Number, hex.EncodeToString(v.Hash[:]), staff.Signer(t, by))
		return err
	}
	two := func(on ledger.Day, streams ...string) {
		t.Helper()
		shown, err := proposeIt(standing(on, streams...))
		must(err)
		if err := approve(shown, "ann"); !errors.Is(err, proposal.ErrProposer) {
			t.Errorf("one person decided about a day without a topic: %v", err)
		}
		must(approve(shown, "bob"))
	}
	impatient, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := closeIt(impatient, first); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "medical.requests/1 stands at 1 of 3") {
		t.Errorf("the close ended with %v, want it to wait for medical.requests/1 at 1 of 3", err)
	}
	var refused *proposal.Refusal
	for name, request := range map[string]dayclose.WithoutRequest{
		"no stream":           {Day: first},
		"a stream that moves": {Day: first, Streams: []dayclose.Standing{{Stream: "medical.requests/1", At: 0, End: 3}}},
		"one at its end":      {Day: first, Streams: []dayclose.Standing{{Stream: "medical.requests/1", At: 1, End: 1}}},
		"no topic of records": {Day: first, Streams: []dayclose.Standing{{Stream: "cleared/0", At: 0, End: 1}}},
		"no partition":        {Day: first, Streams: []dayclose.Standing{{Stream: "medical.requests/01", At: 0, End: 1}}},
		"no day":              {Day: first.Next(), Streams: []dayclose.Standing{{Stream: "medical.requests/1", At: 1, End: 3}}},
	} {
		if _, err := proposeIt(request); !errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	two(first, "medical.requests/1")
	cancelled, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	if err := closeIt(cancelled, first); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "medical.requests/2 stands at 0 of 2") {
		t.Errorf("the close ended with %v, want it to wait for the other partition", err)
	}
	const waits1, waits2 = "it waits for medical.requests/1, which is at 1 of 3", "it waits for medical.requests/2, which is at 0 of 2"
	if text := preview(); strings.Contains(text, waits1) || !strings.Contains(text, waits2) {
		t.Errorf("the preview says\n%swant it to wait for the other partition alone", text)
	} else if !strings.Contains(text, "operators' money of day 20260105 is due on 20260106\n") {
		t.Errorf("the preview says\n%swant it to name the next workday", text)
	}
	// A stream that moves between proposal and approval is waited for.
	shown, err := proposeIt(standing(first, "medical.requests/2"))
	must(err)
	lease, err = b.Lease(t.Context(), "medical.requests/2", "test", 0)
	must(err)
	_, err = b.Post(t.Context(), &ledger.Batch{Stream: lease.Stream, Epoch: lease.Epoch, From: 0, Next: 1, Day: first})
	must(err)
	if err := approve(shown, "bob"); err == nil {
		t.Error("a stream that moves was approved as one that stands")
	}
	two(first, "medical.requests")
	if text := preview(); strings.Contains(text, "it waits for") || strings.Count(text, "it does not wait for medical.requests/") != 2 {
		t.Errorf("the preview says\n%swant it to wait for neither partition", text)
	}
	for range 2 {
		must(closeIt(t.Context(), first))
	}
	if _, err := proposeIt(standing(first, "medical.requests")); !errors.As(err, &refused) {
		t.Errorf("a closed day: %v", err)
	}
	two(first.Next(), "medical.requests")
	must(closeIt(t.Context(), first.Next()))
	checker := counters.Checker{Ledger: b.Ledger}
	for _, on := range []ledger.Day{first, first.Next()} {
		list, err := checker.Unread(t.Context(), on)
		must(err)
		want := []counters.Unread{{Day: on, Stream: "medical.requests/1", At: 1, End: 3}, {Day: on, Stream: "medical.requests/2", At: 1, End: 2}}
		if len(list) != 2 || list[0] != want[0] || list[1] != want[1] {
			t.Errorf("%s was closed without %v, want %v", on, list, want)
		}
	}
	entries, err := b.Audit(t.Context())
	must(err)
	for _, e := range entries {
		if e.Act == counters.ActCloseWithout && (e.First != "ann" || e.Second != "bob" || len(e.Signed) != 2 || e.Reason == "") {
			t.Errorf("the audit has %+v", e)
		}
	}
}
