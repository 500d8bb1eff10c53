package shadow_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"
	"citycard/ledger/verify"

	"pgregory.net/rapid"
)

// entry is a transfer from float to a subject's operator as the history keeps it.
type entry struct {
	effective, booked ledger.Day
	subject           ledger.Subject
	id                string
	amount            ledger.Fen
	at                time.Time // when its batch was taken
}

// history posts over many days, some of it late, and remembers all.
type history struct {
	*books
	entries []entry
	moments []time.Time
	sealed  int
	number  int
}

func (h *history) post(t *rapid.T) {
	ctx := context.Background()
	var batch []ledger.Transfer
	for range rapid.IntRange(1, 6).Draw(t, "rows") {
		h.number++
		fen := ledger.Fen(rapid.IntRange(1, 100).Draw(t, "fen"))
		subject := ledger.Subject(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g"}).Draw(t, "subject"))
		day := h.lease.Day.Add(rapid.SampledFrom([]int{0, 0, 0, -1, -3, -4, -30, -400, 2, 40}).Draw(t, "days off"))
		batch = append(batch, ride(day, subject, h.number, fen))
	}
	h.books.post(batch)
	var at time.Time
	h.must(h.Pool().QueryRow(ctx, "SELECT max(at) FROM batches").Scan(&at))
	h.moments = append(h.moments, at)
	for _, x := range batch {
		h.entries = append(h.entries, entry{x.Day, h.lease.Day, x.Subject, string(x.ID), x.Amount, at})
	}
}

func (h *history) closeDay(*rapid.T) {
	h.endDay(h.lease.Day.Add(1 + h.number%3))
}

// seal seals the oldest day that is closed.
func (h *history) seal(*rapid.T) {
	ctx := context.Background()
	days, err := h.Days(ctx)
	h.must(err)
	if h.sealed < len(days)-1 {
		_, err = h.SealDay(ctx, days[h.sealed].Day, h.signer)
		h.must(err)
		h.sealed++
	}
}

// checkpoint writes one small chunk.
func (h *history) checkpoint(t *rapid.T) {
	_, err := shadow.Checkpoint(context.Background(), h.Ledger, rapid.IntRange(1, 4).Draw(t, "chunk"))
	h.must(err)
}

func (h *history) balances(seen func(entry) bool) map[ledger.Subject]ledger.Fen {
	balances := make(map[ledger.Subject]ledger.Fen)
	for _, e := range h.entries {
		if seen(e) {
			balances[e.subject] -= e.amount
		}
	}
	return balances
}

// compare asks for everything now, at a past day and at a past time.
func (h *history) compare(t *rapid.T) {
	ctx := context.Background()
	got := make(map[ledger.Subject]ledger.Fen)
	h.must(shadow.Balances(ctx, h.Ledger, ledger.IDOfCode("float"), func(s ledger.Subject, fen ledger.Fen) error { got[s] = fen; return nil }))
	if want := h.balances(func(entry) bool { return true }); !maps.Equal(got, want) {
		t.Fatalf("shadow %v, expected %v", got, want)
	}
	h.compareAt(t, shadow.AsOf{}, func(entry) bool { return true })
	day := today.Add(rapid.IntRange(0, 12).Draw(t, "past day"))
	h.compareAt(t, shadow.AsOf{Day: day}, func(e entry) bool { return e.booked <= day })
	if len(h.moments) > 0 {
		at := rapid.SampledFrom(h.moments).Draw(t, "past time")
		h.compareAt(t, shadow.AsOf{At: at}, func(e entry) bool { return !e.at.After(at) })
	}
}

func (h *history) compareAt(t *rapid.T, moment shadow.AsOf, seen func(entry) bool) {
	ctx := context.Background()
	var total ledger.Fen
	want := h.balances(seen)
	for _, fen := range want {
		total -= fen
	}
	if sums, err := shadow.SumsAsOf(ctx, h.Ledger, "float", moment); err != nil || sums.Debits != total {
		t.Fatalf("float as of %v: %+v, %v, expected debits %d", moment, sums, err, total)
	}
	subjects := []ledger.Subject{"a", "d", "nobody"}
	if of, err := shadow.BalancesOf(ctx, h.Ledger, ledger.IDOfCode("float"), subjects); moment == (shadow.AsOf{}) && (err != nil || of["a"] != want["a"] || of["d"] != want["d"] || of["nobody"] != 0) {
		t.Fatalf("balances of some %v, %v; want %v", of, err, want)
	}
	for _, subject := range subjects {
		if fen, err := shadow.Balance(ctx, h.Ledger, ledger.IDOfCode("float"), subject, moment); err != nil || fen != want[subject] {
			t.Fatalf("%s as of %v: %d, %v, expected %d", subject, moment, fen, err, want[subject])
		}
		first, last := today.Add(-20), today.Add(15)
		var rows, expected []string
		h.must(shadow.StatementAsOf(ctx, h.Ledger, subject, first, last, moment, func(r ledger.Row) error {
			rows = append(rows, fmt.Sprintf("%v %x", r.Day, string(r.ID)))
			return nil
		}))
		for _, e := range h.entries {
			if e.subject == subject && e.effective >= first && e.effective <= last && seen(e) {
				expected = append(expected, fmt.Sprintf("%v %x", e.effective, e.id))
			}
		}
		if slices.Sort(expected); !slices.Equal(rows, expected) {
			t.Fatalf("statement of %s as of %v:\n%v, expected\n%v", subject, moment, rows, expected)
		}
	}
}

// TestHistory posts on many days, some of it late or early, seals and writes checkpoints in small
// pieces at any point; balances and statements, now and as of any past moment, do not depend on how
// far they have come.
func TestHistory(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{books: openBooks(rt, ledgertest.Open(rt, 4))}
		rt.Repeat(map[string]func(*rapid.T){
			"post": h.post, "post too": h.post, "close": h.closeDay, "seal": h.seal, "checkpoint": h.checkpoint, "compare": h.compare,
		})
		h.must(shadow.CheckpointAll(context.Background(), h.Ledger, 3))
		h.compare(rt)
		public, _ := h.signer.Public().(ed25519.PublicKey)
		_, err := verify.Books(context.Background(), h.Ledger, public, func(f verify.Fault) { rt.Errorf("verify: %v", f) })
		h.must(err)
	})
}
