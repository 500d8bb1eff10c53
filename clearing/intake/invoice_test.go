package intake_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/csvfile"
	"citycard/clearing/identity"
	"citycard/clearing/people/proposal"
	"citycard/clearing/release"
	"citycard/clearing/transit/load"
	beside "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// answers is a file of the invoicing system.
func answers(t *testing.T, rows ...string) *load.InvoiceAnswers {
	t.Helper()
	text := "channel,order,do,amount,result,invoice\n" + strings.Join(rows, "\n") + "\n"
	a, err := load.ReadAnswers(fmt.Appendf(nil, "%ssha256,%d,%x\n", text, len(rows), sha256.Sum256([]byte(text))))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestInvoices asks for invoices, takes the invoicing system's answers, and gives money back: an
// invoiced load only after its red letter. What does not fit is kept, and changes nothing.
func TestInvoices(t *testing.T) {
	h := newHouse(t)
	h.town.Found(h, h.ledger.Pool())
	p := h.proposals()
	p.office.Kinds = append(p.office.Kinds, (&load.Withdrawals{Ledger: h.ledger, Owner: "test"}).Kind())
	a := h.authority()
	a.Stream, a.Owner = "waiting", "test"
	office := &load.Invoices{Ledger: h.ledger, Owner: "test"}
	by := ledger.Approval{First: "cara", At: noon(5)}
	ask := func(order string, red bool) error {
		_, _, err := office.Ask(t.Context(), &load.AskInvoice{Channel: "counter", Order: order, Red: red}, by)
		return err
	}
	take := func(file *load.InvoiceAnswers) csvfile.Taken {
		t.Helper()
		first, repeated, err := office.Take(t.Context(), file, by)
		if err != nil || repeated {
			t.Fatalf("%+v, %v, %v", first, repeated, err)
		}
		again, repeated, err := office.Take(t.Context(), file, by)
		if err != nil || !repeated || fmt.Sprint(again) != fmt.Sprint(first) {
			t.Errorf("the same file again: %+v, %v, %v; want %+v", again, repeated, err, first)
		}
		return first
	}
	// One is paid at a counter, one waits.
	_, err := a.Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o-1", 0, 0, 5000, noon(5)))
	h.must(err)
	_, err = a.Place(t.Context(), &load.PlaceOrder{Channel: "counter", Order: "w-1", Card: clearingtest.Card, Fen: 2000})
	h.must(err)
	refund := func() error {
		shown, err := propose(p, "ann", release.KindRefund, release.Refund{Card: identity.CardOf(clearingtest.CardID(clearingtest.Card)).Digits(), Order: "o-1", NotWritten: true})
		if err == nil {
			_, err = p.approve("bob", shown)
		}
		return err
	}
	withdraw := func() error {
		shown, err := propose(p, "ann", load.KindWithdraw, load.Withdraw{Placer: "channel:counter", Order: "w-1"})
		if err == nil {
			_, err = p.approve("bob", shown)
		}
		return err
	}
	keepsIt := func(when string) {
		t.Helper()
		refusal := (*proposal.Refusal)(nil)
		if err := withdraw(); !errors.As(err, &refusal) {
			t.Errorf("%s it is withdrawn: %v", when, err)
		}
		if err := refund(); err == nil || !strings.Contains(err.Error(), "invoice") {
			t.Errorf("%s it is refunded: %v", when, err)
		}
		h.wantBalances(map[string]ledger.Fen{"channel:counter": -7000})
	}
	for _, red := range []bool{true, false} {
		for _, order := range []string{"unpaid", "o-1", "w-1"} {
			if err := ask(order, red); (err == nil) != (!red && order != "unpaid") {
				t.Errorf("order %s, red letter %v: %v", order, red, err)
			}
		}
	}
	h.must(ask("o-1", false))
	keepsIt("asked for,")
	var file bytes.Buffer
	rows, err := load.ExportInvoices(t.Context(), h.ledger, &file)
	if want := "channel,order,do,amount,item,tax,invoice\ncounter,o-1,issue,50.00,prepaid card,none,\ncounter,w-1,issue,20.00,prepaid card,none,\nsha256,2,"; err != nil || rows != 2 || !strings.HasPrefix(file.String(), want) {
		t.Errorf("%d rows, %v: %s", rows, err, file.String())
	}
	taken := take(answers(t, "counter,o-1,issue,50.00,done,24952000000000000001", "counter,w-1,issue,20.01,done,24952000000000000002", "counter,none,issue,1.00,done,24952000000000000003",
		"counter,o-1,issue,50.00,done,24952000000000000004"))
	if taken.Done != 1 || len(taken.Rejects) != 3 || taken.Rejects[0].Line != 3 {
		t.Errorf("%+v", taken)
	}
	taken = take(answers(t, "counter,w-1,issue,20.00,done,24952000000000000002", "counter,o-1,red,50.00,done,24952000000000000009"))
	if taken.Done != 1 || len(taken.Rejects) != 1 || !strings.Contains(taken.Rejects[0].Why, "issued") {
		t.Errorf("%+v", taken)
	}
	keepsIt("issued,")
	h.must(ask("o-1", true))
	h.must(ask("w-1", true))
	keepsIt("with its red letter asked for,")
	taken = take(answers(t, "counter,w-1,red,20.00,done,24952000000000000012", "counter,o-1,red,50.00,refused,"))
	if taken.Done != 2 {
		t.Errorf("%+v", taken)
	}
	h.must(withdraw())
	if err := ask("w-1", false); err == nil {
		t.Error("an invoice of what was given back is asked for")
	}
	h.must(ask("o-1", true))
	take(answers(t, "counter,o-1,red,50.00,done,24952000000000000011"))
	h.must(refund())
	h.wantBalances(map[string]ledger.Fen{"channel:counter": 0, chart.Waiting: 0, chart.Unwritten: 0})
	counts := map[string]int64{}
	h.must(load.Statement(t.Context(), h.ledger, "counter", 20260101, 20261231, func(l load.StatementLine) error {
		counts[l.Purpose] += l.Count
		return nil
	}))
	if counts["invoice red_lettered"] != 2 {
		t.Errorf("the statement has %v", counts)
	}
	_, err = verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) {
		if f.Kind != beside.Signature { // nobody has signed here
			t.Error(f)
		}
	}, beside.Tables)
	h.must(err)
	for _, query := range []string{
		"UPDATE load_invoices SET state = 'none' WHERE number = 'o-1'", "UPDATE load_invoices SET invoice = 'x' WHERE number = 'o-1'", "UPDATE load_invoices SET steps = 1 WHERE number = 'o-1'",
		"DELETE FROM load_invoices WHERE number = 'o-1'", "INSERT INTO load_invoices SELECT 'web', number, name, state, fen, steps, invoice, red, day FROM load_invoices WHERE number = 'o-1'",
		"DELETE FROM load_invoice_rejects WHERE line = 3", "UPDATE load_invoice_rejects SET why = 'x' WHERE line = 3", "UPDATE load_invoice_files SET done = done + 1", "DELETE FROM load_invoice_files",
	} {
		h.alteredInvoices(query)
	}
}

// TestManyRejects takes a file of which fifty rows do not fit: the audit's entry is bounded, and
// binds them. Asking again, and the same file again, commit nothing. What is read through a
// connection that is cut is there once.
func TestManyRejects(t *testing.T) {
	h := newHouse(t)
	a := h.authority()
	office := &load.Invoices{Ledger: h.ledger, Owner: "test"}
	by := ledger.Approval{First: "cara", At: noon(5)}
	for n, order := range []string{"o-1", "o-2"} {
		_, err := a.Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, order, uint16(n), 0, 5000, noon(5)))
		h.must(err)
		for again := range 2 {
			_, repeated, err := office.Ask(t.Context(), &load.AskInvoice{Channel: "counter", Order: order}, by)
			if err != nil || repeated != (again == 1) {
				t.Errorf("asked %d times before: %v, %v", again, repeated, err)
			}
		}
	}
	cutter, through := ledgertest.NewCutter(t, h.url)
	l := ledgertest.Connect(t, through, 2)
	read := func() (string, error) {
		var out bytes.Buffer
		_, err := load.ExportInvoices(t.Context(), l, &out)
		h.must(err)
		err = load.Statement(t.Context(), l, "counter", 20260101, 20261231, func(line load.StatementLine) error {
			_, err := fmt.Fprintln(&out, line)
			return err
		})
		return out.String(), err
	}
	want, err := read()
	h.must(err)
	for n := 1; ; n++ {
		cutter.Arm(n, false)
		if got, err := read(); err == nil && got != want { // turnovers are not read again
			t.Errorf("read through a connection that is cut at commit %d:\n%s\nwant\n%s", n, got, want)
		}
		if !cutter.Disarm() {
			break
		}
	}
	rows := []string{"counter,o-1,issue,50.00,done,24952000000000000001"}
	for n := range 50 {
		rows = append(rows, fmt.Sprintf("counter,none-%d,issue,50.00,done,249520000000000001%02d", n, n))
	}
	for again := range 2 {
		taken, repeated, err := office.Take(t.Context(), answers(t, rows...), by)
		if err != nil || taken.Done != 1 || len(taken.Rejects) != 50 || repeated != (again == 1) {
			t.Fatalf("%d taken, %d rejects, %v, %v", taken.Done, len(taken.Rejects), repeated, err)
		}
	}
	lease, err := h.ledger.Lease(t.Context(), load.StreamInvoices, "test", 0)
	if h.must(err); lease.Next != 3 {
		t.Errorf("%d batches about invoices, want 3", lease.Next)
	}
	_, err = verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) {
		if f.Kind != beside.Signature { // nobody has signed here
			t.Error(f)
		}
	}, beside.Tables)
	h.must(err)
	h.alteredInvoices("UPDATE load_invoice_rejects SET content = 'counter,none-7,issue,50.01,done,24952000000000000107' WHERE line = 10")
	h.alteredInvoices("DELETE FROM load_invoice_rejects WHERE line = 10")
}

// alteredInvoices alters a table and wants verify to name it; then everything is as before.
func (h *house) alteredInvoices(query string) {
	h.Helper()
	named, pool := false, h.ledger.Pool()
	tx, err := pool.Begin(h.Context())
	h.must(err)
	defer tx.Rollback(h.Context()) //nolint:errcheck // it is meant
	_, err = tx.Exec(h.Context(), query)
	h.must(err)
	h.must(beside.Tables(h.Context(), tx, func(f verify.Fault) { named = named || f.Kind == beside.LoadInvoice }))
	if !named {
		h.Errorf("%s: verify does not name it", query)
	}
}

// TestAnswersFile refuses files that were cut or changed on their way.
func TestAnswersFile(t *testing.T) {
	good := "channel,order,do,amount,result,invoice\ncounter,o-1,issue,50.00,done,24952000000000000001\n"
	end := fmt.Sprintf("sha256,1,%x\n", sha256.Sum256([]byte(good)))
	if _, err := load.ReadAnswers([]byte(good + end)); err != nil {
		t.Error(err)
	}
	for _, row := range []string{"counter,o-\x00,issue,50.00,refused,", "counter,o-\xff,issue,50.00,refused,"} {
		text := "channel,order,do,amount,result,invoice\ncounter,o-1,issue,50.00,refused,\n" + row + "\n"
		if _, err := load.ReadAnswers(fmt.Appendf(nil, "%ssha256,2,%x\n", text, sha256.Sum256([]byte(text)))); err == nil || !strings.Contains(err.Error(), "line 3") {
			t.Errorf("%q is read: %v", row, err)
		}
	}
	other := "channel,order,do,amount,result\ncounter,o-1,issue,50.00,done\n"
	for name, file := range map[string]string{
		"nothing": "", "no end": good, "cut": good[:40] + end, "changed": strings.Replace(good, "50", "90", 1) + end, "another count": good + strings.Replace(end, ",1,", ",2,", 1),
		"other columns": other + fmt.Sprintf("sha256,1,%x\n", sha256.Sum256([]byte(other))), "the end alone": fmt.Sprintf("sha256,0,%x\n", sha256.Sum256(nil)),
	} {
		if _, err := load.ReadAnswers([]byte(file)); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}
