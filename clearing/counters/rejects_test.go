package counters_test

import (
	"fmt"
	"testing"

	"citycard/clearing/counters"
	"citycard/clearing/docket"
	"citycard/clearing/schema"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"
)

// TestRejectsOfOtherDays lets a stream have many rejects on the first day, and a few on each
// of the next two. What the database reads for a later day's close does not grow with the first
// day's; and bytes that were refused on the first day are a duplicate on the second.
func TestRejectsOfOtherDays(t *testing.T) {
	const many, few = 20_000, 5 // a small journal would be read whole rather than by its key
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l := ledgertest.Connect(t, url, 4)
	o := &office{t, counters.Checker{Ledger: l}}
	o.must(l.OpenDay(t.Context(), firstDay))
	day := firstDay
	for n, rejects := range []int{many, few, few} {
		lease, err := l.Lease(t.Context(), "taps/0", "test", day)
		o.must(err)
		d := docket.New(docket.Source{Stream: "taps/0", Day: day}, rejects)
		for i := range rejects {
			d.Reject(verdict.BadTAC, "tap", int64(i), fmt.Appendf(nil, "forged %d of day %d", i, n))
		}
		if n == 1 {
			d.Reject(verdict.BadTAC, "tap", few, fmt.Appendf(nil, "forged %d of day %d", 0, 0))
		}
		out, err := l.Post(t.Context(), &ledger.Batch{Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: day, Memos: d.Memos})
		o.must(err)
		for i, decision := range out.Memos {
			if want := map[bool]ledger.Result{false: ledger.Inserted, true: ledger.Duplicate}[i == rejects]; decision.Result != want {
				t.Fatalf("day %d, reject %d: %v, expected %v", n, i, decision.Result, want)
			}
		}
		o.must(l.CloseDay(t.Context(), day, day.Next()))
		o.must(l.EndDay(t.Context(), day))
		day = day.Next()
	}
	for _, table := range []string{"journal", "late", "batches"} {
		_, err := l.Pool().Exec(t.Context(), "ANALYZE "+table)
		o.must(err)
	}
	l.Pool().Close()
	for n, rows := range []int{many, few, few} {
		read := journalRowsRead(t, url, func(l *ledger.Ledger) {
			var seen int
			part := shadow.Part{To: shadow.LastSubject()}
			o.must(shadow.ScanPart(t.Context(), l, firstDay.Add(n), part, func(*shadow.Entry) error { seen++; return nil }))
			if seen != rows {
				t.Errorf("day %d: a close sees %d rejects, expected %d", n, seen, rows)
			}
			_, err := l.Turnovers(t.Context(), firstDay.Add(n))
			o.must(err)
			o.must(l.ScanMemos(t.Context(), firstDay.Add(n), firstDay.Add(n), func(ledger.Row) error { return nil }))
		})
		// Thrice, for the three questions, and some for the planner's choice.
		if read > 3*rows+30 {
			t.Errorf("day %d: the database read %d rows of the journal for %d rejects", n, read, rows)
		}
	}
}

// journalRowsRead asks through connections of its own how many rows of the journal the server
// fetched for ask; that is told by PostgreSQL only.
func journalRowsRead(t *testing.T, url string, ask func(*ledger.Ledger)) int {
	t.Helper()
	before := ledgertest.FetchedRows(t, url, "journal")
	pool, dialect, err := ledger.Connect(t.Context(), url, 2)
	if err != nil {
		t.Fatal(err)
	}
	ask(ledger.New(pool, dialect))
	pool.Close()
	return ledgertest.FetchedRows(t, url, "journal") - before
}
