package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
)

// StreamInvoices is where notes about invoices are booked.
const StreamInvoices = "invoices"

// The acts about invoices, of one person each.
const (
	ActAskInvoice = "ask load invoice"
	ActAnswers    = "take invoice answers"
)

// InvoiceState is how the invoice of a paid order stands.
type InvoiceState string

// The states. Money of an order is not given back while its invoice is asked for or issued.
const (
	NoInvoice          InvoiceState = "none"
	InvoiceAsked       InvoiceState = "asked"
	InvoiceIssued      InvoiceState = "issued"
	InvoiceRedAsked    InvoiceState = "red_asked"    // it is issued, and its red letter is asked for
	InvoiceRedLettered InvoiceState = "red_lettered" // it is void
)

// Invoice is that of a paid order of a channel. The journal has a note of each change, with all of
// it: the row is the last one.
type Invoice struct {
	Channel string       `json:"channel"`
	Order   string       `json:"order"`
	State   InvoiceState `json:"state"`
	Fen     ledger.Fen   `json:"fen"`
	Step    int64        `json:"step"`              // from 1, of the order
	Number  string       `json:"invoice,omitempty"` // of the invoice
	Red     string       `json:"red,omitempty"`     // of its red letter
}

// Holds reports whether the order's money may not be given back because of the invoice.
func (i *Invoice) Holds() bool {
	return i.State == InvoiceAsked || i.State == InvoiceIssued || i.State == InvoiceRedAsked
}

// Held is why, and what is to be done.
func (i *Invoice) Held() (what, todo *language.Text) {
	switch i.State {
	case InvoiceIssued:
		return language.Textf("invoice %s was issued for it: it is given back after its red letter", i.Number),
			language.Textf("citycard load invoice ask --red --channel %s --order %s", i.Channel, i.Order)
	case InvoiceRedAsked:
		return language.Textf("the red letter of invoice %s is asked for, and has not come", i.Number), language.Textf("import the invoicing system's answer: citycard load invoice import")
	}
	return language.Textf("an invoice is asked for it, and may be issued by now"), language.Textf("import the invoicing system's answer: citycard load invoice import")
}

// InvoiceIn reads the invoice of an order in a transaction; where none was asked for, its state is
// NoInvoice and Step 0. With lock its row stays as it is.
func InvoiceIn(ctx context.Context, tx pgx.Tx, channel, order string, lock bool) (Invoice, error) {
	i := Invoice{Channel: channel, Order: order, State: NoInvoice}
	query := "SELECT state, fen, steps, invoice, red FROM load_invoices WHERE channel = $1 AND number = $2"
	if lock {
		query += " FOR UPDATE"
	}
	err := tx.QueryRow(ctx, query, channel, order).Scan(&i.State, &i.Fen, &i.Step, &i.Number, &i.Red)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return i, fmt.Errorf("read the invoice of an order: %w", err)
	}
	return i, nil
}

// FindInvoice reads the invoice of an order.
func FindInvoice(ctx context.Context, l *ledger.Ledger, channel, order string) (i Invoice, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) error {
		i, err = InvoiceIn(ctx, tx, channel, order, false)
		return err
	})
	return i, err
}

// Invoices take what is asked and answered about invoices.
type Invoices struct {
	Ledger *ledger.Ledger
	Owner  string // who leases the stream, for the log
}

// AskInvoice asks for the invoice of an order, or for the red letter of one that was issued.
type AskInvoice struct {
	Channel string `json:"channel"`
	Order   string `json:"order"`
	Red     bool   `json:"red,omitempty"`
}

// What is what who asks has signed.
func (a *AskInvoice) What() string {
	if a.Red {
		return fmt.Sprintf("red letter of the invoice of order %s of channel:%s", a.Order, a.Channel)
	}
	return fmt.Sprintf("invoice of order %s of channel:%s", a.Order, a.Channel)
}

// InvoiceName is how many bytes of the ids of an invoice's notes name the order.
const InvoiceName = 33

// Follows reports whether a note may come after one of another state.
func (i InvoiceState) Follows(before InvoiceState) bool {
	switch i {
	case InvoiceAsked:
		return before == NoInvoice || before == InvoiceRedLettered
	case InvoiceIssued:
		return before == InvoiceAsked || before == InvoiceRedAsked
	case InvoiceRedAsked:
		return before == InvoiceIssued
	case InvoiceRedLettered:
		return before == InvoiceRedAsked
	case NoInvoice:
		return before == InvoiceAsked
	}
	return false
}

// note is the row of the journal about an invoice as it stands now.
func (i *Invoice) note() (ledger.Transfer, error) {
	text, err := json.Marshal(i)
	if err != nil {
		return ledger.Transfer{}, fmt.Errorf("note an invoice: %w", err)
	}
	return ledger.Transfer{
		Day: identity.NoDay, Subject: ledger.Subject(PlacedBy(i.Channel)), ID: identity.LoadInvoice(i.Order, i.Step), Act: ledger.KeepMemo, Evidence: text,
	}, nil
}

// keepInvoices writes their rows in the transaction of their notes.
func keepInvoices(ctx context.Context, tx pgx.Tx, all []Invoice, day ledger.Day) error {
	if len(all) == 0 {
		return nil
	}
	var channels, numbers, states, invoices, reds []string
	var names [][]byte
	var fen, steps []int64
	for i := range all {
		is := &all[i]
		channels, numbers, states = append(channels, is.Channel), append(numbers, is.Order), append(states, string(is.State))
		invoices, reds, names = append(invoices, is.Number), append(reds, is.Red), append(names, []byte(identity.LoadInvoice(is.Order, 0)[:InvoiceName]))
		fen, steps = append(fen, int64(is.Fen)), append(steps, is.Step)
	}
	_, err := tx.Exec(ctx, `INSERT INTO load_invoices (channel, number, name, state, fen, steps, invoice, red, day)
		SELECT channel, number, name, state, fen, steps, invoice, red, $9::INT4
		FROM unnest($1::TEXT[], $2::TEXT[], $3::BYTEA[], $4::TEXT[], $5::INT8[], $6::INT8[], $7::TEXT[], $8::TEXT[]) AS i (channel, number, name, state, fen, steps, invoice, red)
		ON CONFLICT (channel, number) DO UPDATE SET state = excluded.state, fen = excluded.fen, steps = excluded.steps, invoice = excluded.invoice, red = excluded.red, day = excluded.day`,
		channels, numbers, names, states, fen, steps, invoices, reds, day)
	if err != nil {
		return fmt.Errorf("keep invoices: %w", err)
	}
	return nil
}

// errNothing ends a transaction in which nothing was to be done.
var errNothing = errors.New("nothing is to be done")

// post notes what change changes, and has end keep what belongs to it, in one transaction. Where
// change gives errNothing nothing is committed, and done before is true.
func (o *Invoices) post(ctx context.Context, change func(context.Context, pgx.Tx) ([]Invoice, error), end func(context.Context, pgx.Tx) error) (before bool, err error) {
	var changed []Invoice
	_, err = o.Ledger.PostOnce(ctx, StreamInvoices, o.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) (err error) {
			b.Transfers = nil
			if changed, err = change(ctx, tx); err != nil {
				return err
			}
			for i := range changed {
				note, err := changed[i].note()
				if err != nil {
					return err
				}
				b.Transfers = append(b.Transfers, note)
			}
			return nil
		}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			for i := range out.Transfers {
				if out.Transfers[i].Result != ledger.Inserted {
					return nil, fmt.Errorf("note an invoice: %w", out.Transfers[i].Err)
				}
			}
			if err := keepInvoices(ctx, tx, changed, b.Day); err != nil {
				return nil, err
			}
			return nil, end(ctx, tx)
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		return true, nil
	}
	return false, err
}

// Ask notes that an invoice, or a red letter, is asked for. Asked again, nothing is done. The error
// is a *proposal.Refusal where there is nothing to be asked for.
func (o *Invoices) Ask(ctx context.Context, a *AskInvoice, by ledger.Approval) (is Invoice, repeated bool, err error) {
	if err := by.ValidateAlone(); err != nil {
		return is, false, err
	}
	at, err := o.bound(ctx, a)
	if err != nil {
		return is, false, err
	}
	repeated, err = o.post(ctx, func(ctx context.Context, tx pgx.Tx) (_ []Invoice, err error) {
		if is, err = InvoiceIn(ctx, tx, a.Channel, a.Order, true); err != nil {
			return nil, err
		}
		again, err := a.becomes(ctx, tx, &is, at)
		if again {
			err = errNothing
		}
		return []Invoice{is}, err
	}, func(ctx context.Context, tx pgx.Tx) error {
		text, err := json.Marshal(a)
		if err != nil {
			return err
		}
		return ledger.Record(ctx, tx, ActAskInvoice, string(text), by)
	})
	return is, repeated, err
}

// becomes changes an invoice as it is asked; again: it is so already.
func (a *AskInvoice) becomes(ctx context.Context, tx pgx.Tx, is *Invoice, at *bound) (again bool, err error) {
	switch {
	case a.Red && is.State == InvoiceRedAsked, !a.Red && is.State == InvoiceAsked:
		return true, nil
	case a.Red && is.State != InvoiceIssued:
		return false, refused(language.Textf("no invoice of order %s is issued that could be red-lettered: it is %s", a.Order, string(is.State)), language.Textf("citycard load invoice show says how it stands"))
	case a.Red:
		is.State = InvoiceRedAsked
	case is.State != NoInvoice && is.State != InvoiceRedLettered:
		return false, refused(language.Textf("invoice %s of order %s is issued already", is.Number, a.Order), language.Textf("nothing is to be done"))
	default:
		if is.Fen, err = a.paidIn(ctx, tx, at); err != nil {
			return false, err
		}
		is.State, is.Number, is.Red = InvoiceAsked, "", ""
	}
	is.Step++
	return false, nil
}

// bound is what an order number of a channel is bound to; nil: to nothing that was paid at once.
// What it is bound to never changes.
type bound struct {
	order Order
	fen   ledger.Fen
	over  bool // its money went with the balance of its card, so the channel did not get it back
}

func (o *Invoices) bound(ctx context.Context, a *AskInvoice) (*bound, error) {
	row, found, err := o.Ledger.Find(ctx, ledger.Key{Day: identity.NoDay, Subject: ledger.Subject(PlacedBy(a.Channel)), ID: identity.LoadOrder(a.Order)})
	if err != nil || !found {
		return nil, err
	}
	order, fen, ok := boundTo(row.Evidence)
	if !ok {
		return nil, nil //nolint:nilnil // it waited, or is a group's
	}
	back, found, err := o.Ledger.Find(ctx, order.Refunded())
	return &bound{order, fen, found && back.Credit == ledger.IDOfCode(chart.Float)}, err
}

// paidIn is what was paid for a channel's order that was not given back.
func (a *AskInvoice) paidIn(ctx context.Context, tx pgx.Tx, at *bound) (ledger.Fen, error) {
	none := func() error {
		return refused(language.Textf("channel %s has no paid order %s, or it was given back", a.Channel, a.Order), language.Textf("check --channel and --order; of a group, name its loads: ORDER-1, ORDER-2"))
	}
	if at == nil {
		w, found, err := WaitingIn(ctx, tx, PlacedBy(a.Channel), a.Order, true)
		if err == nil && (!found || w.State == StateWithdrawn) {
			err = none()
		}
		return w.Fen, err
	}
	var refunds int64
	err := tx.QueryRow(ctx, "SELECT coalesce(max(refunds), 0) FROM load_refunds WHERE card = $1 AND type = $2 AND sequence = $3",
		[]byte(at.order.Card), int64(at.order.Load.Kind), int64(at.order.Load.Sequence)).Scan(&refunds)
	switch {
	case err != nil:
		return 0, fmt.Errorf("read refunds: %w", err)
	case refunds > int64(at.order.Load.Attempt) && !at.over:
		return 0, none()
	}
	return at.fen, nil
}

// NotInvoiced refuses to give an order's money back while its invoice holds it, in the transaction
// that gives it back. The error is then a *proposal.Refusal.
func NotInvoiced(ctx context.Context, tx pgx.Tx, placer Placer, number string) error {
	if placer.Channel() == "" {
		return nil
	}
	i, err := InvoiceIn(ctx, tx, placer.Channel(), number, false)
	if err != nil || !i.Holds() {
		return err
	}
	what, todo := i.Held()
	return &proposal.Refusal{Text: what, Todo: todo}
}
