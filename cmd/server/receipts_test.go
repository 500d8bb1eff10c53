package server

import (
	"testing"

	"citycard/clearing/chart"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/check"
	"citycard/ledger"
)

// TestReceive books what came in for deposits, passes and fees once, no matter who repeats
// it, and keeps the reserve equation; other accounts are refused.
func TestReceive(t *testing.T) {
	const day ledger.Day = 20260105
	b, _ := bookstest.New(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.OpenDay(t.Context(), day))
	must(b.OpenAccounts(t.Context(), []ledger.Account{
		{Code: chart.Reserve, Kind: ledger.Asset},
		{Code: chart.Deposits, Kind: ledger.Liability},
		{Code: chart.Passes, Kind: ledger.Liability},
		{Code: chart.Fees, Kind: ledger.Income},
	}))
	for _, account := range []string{chart.Deposits, chart.Passes, chart.Fees} {
		r, err := NewReceipt(account, 500, "slip "+account)
		must(err)
		for _, want := range []int{1, 0} {
			booked, err := Receive(t.Context(), b.Ledger, "test", r)
			must(err)
			if booked != want {
				t.Errorf("%s: %d booked, want %d", account, booked, want)
			}
		}
	}
	r := check.NewReport(day)
	must(r.ReadTrial(t.Context(), b.Ledger, day))
	if s := r.Reserve; !s.Closed || s.ReserveFen != 1500 || s.DepositsFen != 500 || s.PassesFen != 500 || s.FeesFen != 500 {
		t.Errorf("the reserve equation is %+v, want 1500 of three times 500", s)
	}
	for _, reference := range []string{"SLIP " + chart.Deposits, "slip  " + chart.Deposits, " ｓｌｉｐ " + chart.Deposits} {
		r, err := NewReceipt(chart.Deposits, 500, reference)
		must(err)
		if booked, err := Receive(t.Context(), b.Ledger, "test", r); err != nil || booked != 0 {
			t.Errorf("reference %q: %d booked, %v; it is in the books", reference, booked, err)
		}
	}
	if r, err := NewReceipt(chart.Deposits, 500, "slip\u200b"); err == nil {
		t.Errorf("a reference with what cannot be seen was taken: %+v", r)
	}
	for _, account := range []string{"", "operator:bus", chart.Float, chart.Reserve, "deposits", "personal:1"} {
		if r, err := NewReceipt(account, 500, "x"); err == nil {
			t.Errorf("money for %q was taken: %+v", account, r)
		}
	}
}
