package shadow_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"
)

// TestParts scans days, and one of them part by part: together parts hold each row of the day once,
// late ones included, and none of another day.
func TestParts(t *testing.T) {
	l := ledgertest.Open(t, 4)
	const day, next ledger.Day = 20260105, 20260106
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.OpenDay(t.Context(), day))
	must(l.OpenAccounts(t.Context(), []ledger.Account{{Code: "a", Kind: ledger.Liability}, {Code: "b", Kind: ledger.Liability}}))
	post := func(n int, effective ledger.Day) (want []string) {
		lease, err := l.Lease(t.Context(), "taps/0", "test", day)
		must(err)
		batch := &ledger.Batch{Stream: "taps/0", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day}
		for i := range n {
			subject, id := ledger.Subject(fmt.Sprintf("card%03d", i/2)), ledger.ID(fmt.Sprintf("%s.%d", effective, i))
			transfer := ledger.Transfer{Day: effective, Subject: subject, ID: id, Debit: ledger.IDOfCode("a"), Credit: ledger.IDOfCode("b"), Amount: 5, Evidence: []byte("e")}
			switch {
			case i%7 == 3:
				batch.Memos = append(batch.Memos, ledger.Memo{Day: effective, Subject: subject, ID: id, Kind: "record", Reason: "entry", Evidence: []byte("e")})
				want = append(want, string(subject)+" "+string(id)+" 0 record")
				continue
			case i%7 == 5:
				transfer.Act, transfer.Amount = ledger.Hold, 3
				want = append(want, string(subject)+" "+string(id)+" 0 ")
			default:
				want = append(want, string(subject)+" "+string(id)+" 5 ")
			}
			batch.Transfers = append(batch.Transfers, transfer)
		}
		_, err = l.Post(t.Context(), batch)
		must(err)
		return want
	}
	want := slices.Concat(post(100, day), post(40, day.Add(-1)), post(60, day.Add(-30)))
	slices.Sort(want)
	must(l.CloseDay(t.Context(), day, next))
	later := post(30, next)
	later = append(later, post(10, day.Add(-200))...)
	for _, c := range []struct {
		first, last ledger.Day
		want        int
	}{{day, day, len(want)}, {next, next, len(later)}, {day, next, len(want) + len(later)}, {19000101, 29991231, len(want) + len(later)}, {day.Add(-200), day.Add(-1), 0}} {
		seen := map[string]bool{}
		each := func(r ledger.Row) error {
			seen[r.Day.String()+string(r.Subject)+string(r.ID)] = true
			return nil
		}
		must(l.Scan(t.Context(), c.first, c.last, each))
		must(l.ScanMemos(t.Context(), c.first, c.last, each))
		if len(seen) != c.want {
			t.Errorf("a scan of %s to %s sees %d rows, want %d", c.first, c.last, len(seen), c.want)
		}
	}

	for _, step := range []int{1, 7, 30, 1000} {
		var got []string
		for part, n := (shadow.Part{}), step; !part.Last(); n += step {
			if part = (shadow.Part{After: part.To, To: shadow.LastSubject()}); n < 60 {
				part.To = fmt.Appendf(nil, "card%03d", n)
			}
			must(shadow.ScanPart(t.Context(), l, day, part, func(e *shadow.Entry) error {
				if !part.Holds(e.Subject) || string(e.Evidence) != "e" {
					t.Errorf("part %q to %q got %s with evidence %q", part.After, part.To, e.Subject, e.Evidence)
				}
				got = append(got, fmt.Sprintf("%s %s %d %s", e.Subject, e.ID, e.Amount, e.Kind))
				return nil
			}))
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("parts of %d subjects: %d rows, want %d", step, len(got), len(want))
		}
	}
	samples, err := shadow.Samples(t.Context(), l, day)
	must(err)
	sampled := int64(0)
	for i, s := range samples {
		if sampled += s.Rows; i > 0 && bytes.Compare(samples[i-1].Subject, s.Subject) > 0 {
			t.Errorf("sample %d, %q, is out of order", i, s.Subject)
		}
	}
	if len(samples) != 3 || sampled != int64(len(want)) {
		t.Errorf("%d samples for %d rows, want one of each batch for all of them", len(samples), sampled)
	}
	if rows, err := l.BookedRows(t.Context(), day); err != nil || rows != int64(len(want)) {
		t.Errorf("%d rows booked (%v), want %d", rows, err, len(want))
	}
	sums, err := l.Turnovers(t.Context(), day)
	must(err)
	got := map[ledger.Day]ledger.Turnover{}
	for _, s := range sums {
		got[s.Day] = s
	}
	for effective, count := range map[ledger.Day]int64{day: 72, day.Add(-1): 29, day.Add(-30): 43} {
		if s := got[effective]; s.Count != count || s.Sum != ledger.Fen(5*count) || s.Debit != ledger.IDOfCode("a") || s.Credit != ledger.IDOfCode("b") {
			t.Errorf("turnover of %s is %+v, want %d transfers", effective, s, count)
		}
	}
}
