package api_test

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/people/api"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// paidFor places a paid order of the channel counter, as a preparation.
func paidFor(ctx context.Context, l *ledger.Ledger, number string) error {
	p := load.Placement{
		Placer: load.PlacedBy("counter"), Number: number, Card: identity.CardOf(clearingtest.CardID(clearingtest.Card)), Fen: 5000, Source: chart.Channel("counter"),
	}
	transfer, err := p.Transfer()
	if err != nil {
		return err
	}
	_, err = l.PostOnce(ctx, "placed", "test", 0, func(b *ledger.Batch) error {
		b.Transfers = []ledger.Transfer{transfer}
		b.Finish = func(ctx context.Context, tx pgx.Tx, _ *ledger.Outcome) ([]byte, error) {
			return nil, p.Keep(ctx, tx, b.Day)
		}
		return nil
	})
	return err
}

// replies is a file of the invoicing system about an order of 50 yuan.
func replies(order, result, invoice string) []byte {
	text := fmt.Sprintf("channel,order,do,amount,result,invoice\ncounter,%s,issue,50.00,%s,%s\n", order, result, invoice)
	return fmt.Appendf(nil, "%ssha256,1,%x\n", text, sha256.Sum256([]byte(text)))
}

// asksInvoice has somebody ask for the invoice of an order.
func (r *realm) asksInvoice(id, number string) api.Kind {
	r.Helper()
	r.must(paidFor(r.Context(), r.ledger, number))
	of := load.AskInvoice{Channel: "counter", Order: number}
	kind, _ := send(r, "/v1/loads/invoices", api.AskingInvoice{Channel: of.Channel, Order: of.Order, Signed: r.sign(id, r.statement(id, load.ActAskInvoice, of.What(), "customer"))})
	return kind
}

// takesReplies has somebody take a file of answers.
func (r *realm) takesReplies(id, number string) api.Kind {
	r.Helper()
	content := replies(number, "refused", "")
	file, err := load.ReadAnswers(content)
	r.must(err)
	kind, _ := send(r, "/v1/loads/invoices/answers", api.InvoiceReplies{Content: string(content), Signed: r.sign(id, r.statement(id, load.ActAnswers, file.What(), "monthly"))})
	return kind
}

// answersOfInvoices has all operations of invoices answer.
func (w *town) answersOfInvoices(count, refused func(string, error)) {
	w.Helper()
	w.must(paidFor(w.Context(), w.ledger, "i-1"))
	cara, ann := w.client("cara"), w.client("ann")
	of := load.AskInvoice{Channel: "counter", Order: "i-1"}
	is, err := cara.AskInvoice(w.Context(), &of, "customer", false)
	count("ask-load-invoice", err)
	if is.State != load.InvoiceAsked || is.Fen != 5000 {
		w.Errorf("asked: %+v", is)
	}
	_, err = cara.AskInvoice(w.Context(), &load.AskInvoice{Channel: "counter", Order: "i-1", Red: true}, "customer", false)
	refused("ask-load-invoice", err)
	taken, err := ann.TakeReplies(w.Context(), replies("i-1", "done", "24952000000000000001"), "monthly", false)
	count("take-invoice-answers", err)
	if taken.Done != 1 || len(taken.Rejects) != 0 {
		w.Errorf("taken: %+v", taken)
	}
	_, err = cara.TakeReplies(w.Context(), replies("i-1", "done", "24952000000000000002"), "monthly", false)
	refused("take-invoice-answers", err)
}
