package receipt_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/receipt"
	"citycard/clearing/release"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

const day ledger.Day = 20260105

// bank is an office over new books.
type bank struct {
	*testing.T
	*receipt.Office
}

func newBank(t *testing.T, url string) *bank {
	t.Helper()
	b := &bank{t, &receipt.Office{Ledger: ledgertest.Connect(t, url, 4, ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)), Owner: "test"}}
	b.must(b.Ledger.OpenDay(t.Context(), day))
	accounts := []ledger.Account{
		{Code: chart.Fees, Kind: ledger.Income},
		{Code: chart.Fund("employee"), Kind: ledger.Liability, Flags: ledger.DebitsMustNotExceedCredits},
	}
	for _, code := range []string{chart.Reserve, chart.BankMedical, chart.BankPension, "spent"} {
		accounts = append(accounts, ledger.Account{Code: code, Kind: ledger.Asset})
	}
	for _, code := range []string{chart.Deposits, chart.Passes} {
		accounts = append(accounts, ledger.Account{Code: code, Kind: ledger.Liability})
	}
	b.must(b.Ledger.OpenAccounts(t.Context(), accounts))
	return b
}

func (b *bank) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bank) by() ledger.Approval {
	return ledger.Approval{First: "ann", Second: "bob", Reason: "statement 7", At: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)}
}

func (b *bank) receipt(account string, fen ledger.Fen, reference string) receipt.Receipt {
	b.Helper()
	r, err := receipt.New(account, fen, reference)
	b.must(err)
	return r
}

func (b *bank) book(account string, fen ledger.Fen, reference string) (receipt.Effect, error) {
	b.Helper()
	return b.Book(b.Context(), b.receipt(account, fen, reference), b.by())
}

func (b *bank) reverse(reference, account string) (receipt.Effect, error) {
	b.Helper()
	r, err := receipt.NewReversal(reference, account)
	b.must(err)
	return b.Reverse(b.Context(), r, b.by())
}

// wantRefused wants a refusal with a text, and that nothing was booked.
func (b *bank) wantRefused(err error, text string) {
	b.Helper()
	refusal, ok := errors.AsType[*release.Refusal](err)
	if !ok || !strings.Contains(refusal.Error(), text) {
		b.Errorf("%v, want a refusal with %q", err, text)
	}
}

func (b *bank) wantBalance(code string, want ledger.Fen) {
	b.Helper()
	sums, err := b.Ledger.Balance(context.Background(), code)
	b.must(err)
	if got := sums.CreditBalance(); got != want {
		b.Errorf("%s has %d fen, want %d", code, got, want)
	}
}

// wantAudit wants these acts alone, and books that hold, without a dispute.
func (b *bank) wantAudit(want ...string) {
	b.Helper()
	entries, err := b.Ledger.Audit(context.Background(), receipt.ActBook, receipt.ActReverse)
	b.must(err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Act+": "+e.What)
		if e.First != "ann" || e.Second != "bob" || e.Reason != "statement 7" {
			b.Errorf("audit entry %+v, want both people and their reason", e)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		b.Errorf("the audit has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	summary, err := verify.Books(context.Background(), b.Ledger, nil, func(f verify.Fault) { b.Error(f) })
	b.must(err)
	if summary.Memos != 0 {
		b.Errorf("%d memos, want no dispute", summary.Memos)
	}
}

// TestBook books what came in once, in whichever spelling it is repeated, with an entry of the
// audit. The same reference with another amount or account is refused, and leaves no dispute.
func TestBook(t *testing.T) {
	b := newBank(t, ledgertest.New(t))
	for _, account := range []string{chart.Deposits, chart.Passes, chart.Fees} {
		for n := range 2 {
			effect, err := b.book(account, 500, "slip "+account)
			b.must(err)
			if effect.Stands != (n == 1) || effect.Credit != account || effect.Debit != chart.Reserve || effect.Fen != 500 {
				t.Errorf("%s, time %d: %+v", account, n, effect)
			}
		}
	}
	for _, reference := range []string{"SLIP " + chart.Deposits, "slip  " + chart.Deposits, " ｓｌｉｐ " + chart.Deposits} {
		if effect, err := b.book(chart.Deposits, 500, reference); err != nil || !effect.Stands {
			t.Errorf("reference %q: %+v, %v; it is in the books", reference, effect, err)
		}
	}
	_, err := b.book(chart.Deposits, 501, "slip "+chart.Deposits)
	b.wantRefused(err, "is booked already with 5.00 yuan to deposits:own")
	_, err = b.book(chart.Fees, 500, "slip "+chart.Deposits)
	b.wantRefused(err, "is booked already with 5.00 yuan to deposits:own")
	_, err = b.book("fund:nosuch", 500, "x")
	b.wantRefused(err, "there is no account fund:nosuch")
	b.wantAudit("book receipt: reference slip deposits:own: 500 fen, reserve -> deposits:own",
		"book receipt: reference slip passes:own: 500 fen, reserve -> passes:own",
		"book receipt: reference slip fees:own: 500 fen, reserve -> fees:own")
	b.wantBalance(chart.Reserve, -1500)
	for _, reference := range []string{"", "slip\u200b", strings.Repeat("x", 61)} {
		if r, err := receipt.New(chart.Deposits, 500, reference); err == nil {
			t.Errorf("reference %q was taken: %+v", reference, r)
		}
	}
	for _, fen := range []ledger.Fen{math.MinInt64, -1, 0, receipt.MaxFen + 1, math.MaxInt64} {
		if r, err := receipt.New(chart.Deposits, fen, "x"); err == nil {
			t.Errorf("%d fen were taken: %+v", fen, r)
		}
	}
	for _, account := range []string{"", "operator:bus", chart.Float, chart.Reserve, "deposits", "personal:1"} {
		if r, err := receipt.New(account, 500, "x"); err == nil {
			t.Errorf("money for %q was taken: %+v", account, r)
		}
	}
}

// TestTwoPeople books and reverses nothing that one person decides.
func TestTwoPeople(t *testing.T) {
	b := newBank(t, ledgertest.New(t))
	_, err := b.book(chart.Fees, 500, "slip")
	b.must(err)
	by := b.by()
	by.Second = "ＡＮＮ"
	if _, err := b.Book(t.Context(), b.receipt(chart.Fees, 100, "other"), by); err == nil {
		t.Error("one person booked a receipt")
	}
	if _, err := b.Reverse(t.Context(), receipt.Reversal{Reference: "slip"}, by); err == nil {
		t.Error("one person reversed a receipt")
	}
	b.wantBalance(chart.Fees, 500)
	b.wantAudit("book receipt: reference slip: 500 fen, reserve -> fees:own")
}

// TestReverse takes receipts back, once, and not where the money is used. A reference that was
// reversed is not booked again.
func TestReverse(t *testing.T) {
	b := newBank(t, ledgertest.New(t))
	fund := chart.Fund("employee")
	for account, reference := range map[string]string{fund: "slip 1", chart.Deposits: "both"} {
		_, err := b.book(account, 500, reference)
		b.must(err)
	}
	_, err := b.book(fund, 700, "both")
	b.must(err)
	_, err = b.reverse("slip 2", "")
	b.wantRefused(err, "no receipt is booked under reference slip 2")
	_, err = b.reverse("both", "")
	b.wantRefused(err, "2 banks have a receipt under reference both")
	_, err = b.reverse("both", chart.Fees)
	b.wantRefused(err, "no receipt is booked under reference both")
	for n := range 2 {
		shown, err := b.ShowReversal(t.Context(), receipt.Reversal{Reference: "both", Account: fund})
		b.must(err)
		done, err := b.reverse(" BOTH", fund)
		b.must(err)
		want := receipt.Effect{Reference: "both", Debit: fund, Credit: chart.BankMedical, Fen: 700, Stands: n == 1}
		if shown != want || done != want {
			t.Errorf("time %d: shown %+v, done %+v, want %+v", n, shown, done, want)
		}
	}
	_, err = b.book(fund, 700, "both")
	b.wantRefused(err, "reference both is of a receipt of 7.00 yuan that was reversed")

	spend := ledger.Transfer{Day: day, Subject: "claim", ID: "1", Debit: ledger.IDOfCode(fund), Credit: ledger.IDOfCode("spent"), Amount: 1}
	_, err = b.Ledger.PostOnce(t.Context(), "desk", "test", 0, func(batch *ledger.Batch) error {
		batch.Transfers = []ledger.Transfer{spend}
		return nil
	})
	b.must(err)
	_, err = b.reverse("slip 1", "")
	b.wantRefused(err, "fund:employee has not 5.00 yuan left: the money of reference slip 1 is used")
	b.wantBalance(fund, 499)
	b.wantBalance(chart.BankMedical, -500)
	entries, err := b.Ledger.Audit(t.Context(), receipt.ActReverse)
	b.must(err)
	if len(entries) != 1 || entries[0].What != "reference both: 700 fen, fund:employee -> bank:medical" {
		t.Errorf("reversals in the audit: %+v", entries)
	}
}

// TestCut breaks the connection at each COMMIT of an act, before the database has committed and
// after it: everything is booked once, with one entry of the audit, and a repeat finds it.
func TestCut(t *testing.T) {
	cutter, through := ledgertest.NewCutter(t, ledgertest.New(t))
	b := newBank(t, through)
	var want []string
	for _, answered := range []bool{false, true} {
		for nth, broke := 1, true; broke; nth++ {
			broke = false
			reference := "slip " + strings.Repeat("i", len(want)+1)
			for _, act := range []func() (receipt.Effect, error){
				func() (receipt.Effect, error) { return b.book(chart.Fees, 500, reference) },
				func() (receipt.Effect, error) { return b.reverse(reference, "") },
			} {
				cutter.Arm(nth, answered)
				_, err := act()
				broke = cutter.Disarm() || broke
				again, repeated := act() // after a look that broke, it is the first time
				b.must(repeated)
				if err == nil && !again.Stands {
					t.Errorf("%s: booked twice", reference)
				}
			}
			want = append(want, "book receipt: reference "+reference+": 500 fen, reserve -> fees:own",
				"reverse receipt: reference "+reference+": 500 fen, fees:own -> reserve")
		}
	}
	if len(want) < 8 {
		t.Errorf("%d acts, want some whose COMMIT was cut", len(want))
	}
	b.wantBalance(chart.Fees, 0)
	b.wantAudit(want...)
}
