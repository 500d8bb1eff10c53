package server

import (
	"testing"

	"citycard/cmd/books/bookstest"
	"citycard/ledger"
)

// TestDue picks the day to close: the named day if no earlier day is unfinished, else the oldest
// that is over. A day whose close was interrupted is picked again.
func TestDue(t *testing.T) {
	const first, second, third ledger.Day = 20260105, 20260106, 20260107
	b, _ := bookstest.New(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	over := func(last ledger.Day) func(ledger.Day) bool {
		return func(day ledger.Day) bool { return day <= last }
	}
	want := func(what string, named, last, day, next ledger.Day) {
		t.Helper()
		d, err := due(t.Context(), b.Ledger, named, over(last))
		if day == 0 {
			if err == nil {
				t.Errorf("%s: %s is to be closed, want none", what, d.Day)
			}
			return
		}
		if err != nil || d.Day != day || d.Next != next {
			t.Errorf("%s: %s before %s (%v), want %s before %s", what, d.Day, d.Next, err, day, next)
		}
	}
	must(b.OpenDay(t.Context(), first))
	want("open, not over", 0, first-1, 0, 0)
	want("open and over", 0, first, first, second)
	want("named, not over", first, 0, first, second)
	want("named, never opened", third, 0, 0, 0)
	must(b.CloseDay(t.Context(), first, third))
	want("broken off", 0, 0, first, third)
	want("the next one named", third, third, 0, 0)
	must(b.EndDay(t.Context(), first))
	want("closed", 0, first, 0, 0)
	want("closed, the next one is over", 0, third, third, third.Next())
}
