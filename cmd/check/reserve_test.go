package check

import (
	"fmt"
	"slices"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// The reserve equation has every account that money for purses may come to: whatever one of them
// takes from the reserve, both sides stay equal.
func TestReserveHasEveryAccount(t *testing.T) {
	const day = ledger.Day(20260105)
	l := ledgertest.Open(t, 2)
	all := chart.Accounts(clearingtest.New(t, nil).Registry.Current())
	if err := l.OpenAccounts(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if err := l.OpenDay(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Lease(t.Context(), "taps/0", "test", day)
	if err != nil {
		t.Fatal(err)
	}
	var moved []ledger.Transfer
	others := []string{"bank", "fund", "personal", "hospital", "pension"} // insurances and pensions
	for i, a := range all {
		if a.Code == chart.Reserve || slices.Contains(others, chart.KindOf(a.Code)) {
			continue
		}
		moved = append(moved, ledger.Transfer{
			Day: day, Subject: ledger.Subject(fmt.Sprint(i)), ID: identity.Opening("purse"), Debit: ledger.IDOfCode(chart.Reserve),
			Credit: ledger.IDOfCode(a.Code), Amount: ledger.Fen(1) << len(moved), Purpose: chart.PurposeOpening,
		})
		if t := &moved[len(moved)-1]; a.Flags&ledger.CreditsMustNotExceedDebits != 0 {
			t.Debit, t.Credit = t.Credit, t.Debit
		}
	}
	posted, err := l.Post(t.Context(), &ledger.Batch{Stream: "taps/0", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: day, Transfers: moved})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range posted.Transfers {
		if d.Result != ledger.Inserted {
			t.Fatal(d.Err)
		}
	}
	r := NewReport(day)
	if err := r.ReadTrial(t.Context(), l, day); err != nil {
		t.Fatal(err)
	}
	s := r.Reserve
	s.Closed, s.PursesFen = false, 0
	if !r.Reserve.Closed || len(moved) < 12 {
		t.Errorf("of %d accounts the equation lacks some: %+v", len(moved), s)
	}
}
