package load

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/csvfile"
	"citycard/ledger"
)

// What the city's invoicing system is asked to do, and what it answers.
const (
	doIssue, doRed         = "issue", "red"
	answerDone, answerNone = "done", "refused"
)

// MaxAnswers is how many rows a file of answers may have: they are one commit.
const MaxAnswers = 5000

// ExportInvoices writes what waits for the invoicing system, oldest order numbers first:
//
//	channel,order,do,amount,item,tax,invoice
//	counter,o-1,issue,50.00,prepaid card,none,
//	counter,o-2,red,20.00,prepaid card,none,24952000000000000001
//	sha256,2,HASH
//
// A row stays in it until its answer is imported; the system knows a row again by channel, order,
// do and invoice.
func ExportInvoices(ctx context.Context, l *ledger.Ledger, out io.Writer) (rows int, err error) {
	var list [][]string
	err = l.Look(ctx, func(tx pgx.Tx) error {
		list = nil // Look may run it again
		asked, err := tx.Query(ctx, "SELECT channel, number, state, fen, invoice FROM load_invoices WHERE state IN ('asked', 'red_asked') ORDER BY channel, number")
		if err != nil {
			return err
		}
		var channel, order, invoice string
		var state InvoiceState
		var fen ledger.Fen
		_, err = pgx.ForEachRow(asked, []any{&channel, &order, &state, &fen, &invoice}, func() error {
			do := doIssue
			if state == InvoiceRedAsked {
				do = doRed
			}
			list = append(list, []string{channel, order, do, fen.String(), "prepaid card", "none", invoice})
			return nil
		})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("export invoices: %w", err)
	}
	hash := sha256.New()
	w := csv.NewWriter(io.MultiWriter(out, hash))
	if err := w.Write([]string{"channel", "order", "do", "amount", "item", "tax", "invoice"}); err != nil {
		return 0, fmt.Errorf("export invoices: %w", err)
	}
	if err := w.WriteAll(list); err != nil {
		return 0, fmt.Errorf("export invoices: %w", err)
	}
	_, err = io.WriteString(out, csvfile.End(len(list), hash.Sum(nil)))
	return len(list), err
}

// InvoiceAnswers is a file of the invoicing system's answers:
//
//	channel,order,do,amount,result,invoice
//	counter,o-1,issue,50.00,done,24952000000000000001
//	counter,o-2,red,20.00,refused,
//	sha256,2,HASH
//
// result is done or refused; invoice is the number of the invoice, or of the red letter.
type InvoiceAnswers struct {
	csvfile.File
	answers []invoiceAnswer
}

type invoiceAnswer struct {
	row                                         *csvfile.Row
	channel, order, do, amount, result, invoice string
}

// ReadAnswers reads a file. A file that is cut or was changed on its way is refused whole.
func ReadAnswers(content []byte) (*InvoiceAnswers, error) {
	file, err := csvfile.Read(content, []string{"channel", "order", "do", "amount", "result", "invoice"}, MaxAnswers)
	if err != nil {
		return nil, err
	}
	a := &InvoiceAnswers{File: *file}
	for i := range a.Rows {
		row := &a.Rows[i]
		f := row.Fields
		a.answers = append(a.answers, invoiceAnswer{row, f[0], f[1], f[2], f[3], f[4], f[5]})
	}
	return a, nil
}

// What is what who imports the file signs.
func (a *InvoiceAnswers) What() string {
	return fmt.Sprintf("answers about invoices sha256:%x, %d rows", a.Hash, len(a.answers))
}

// AnswersTold is what the audit has of a file.
type AnswersTold struct{ csvfile.Told }

// What is what was signed for it.
func (t *AnswersTold) What() string {
	return fmt.Sprintf("answers about invoices sha256:%s, %d rows", t.File, t.Rows)
}

// Take takes a file of answers, row by row: a row that does not fit is kept with the reason, and
// keeps no other one back. The same file again does nothing.
func (o *Invoices) Take(ctx context.Context, a *InvoiceAnswers, by ledger.Approval) (taken csvfile.Taken, repeated bool, err error) {
	if err := by.ValidateAlone(); err != nil {
		return taken, false, err
	}
	repeated, err = o.post(ctx, func(ctx context.Context, tx pgx.Tx) (changed []Invoice, err error) {
		found := false
		if taken, found, err = a.before(ctx, tx); err != nil {
			return nil, err
		}
		if found {
			return nil, errNothing
		}
		return a.judge(ctx, tx, &taken)
	}, func(ctx context.Context, tx pgx.Tx) error { return a.keep(ctx, tx, &taken, by) })
	return taken, repeated, err
}

// before finds what the same file has come to.
func (a *InvoiceAnswers) before(ctx context.Context, tx pgx.Tx) (taken csvfile.Taken, found bool, err error) {
	taken = a.Taken()
	err = tx.QueryRow(ctx, "SELECT done FROM load_invoice_files WHERE file = $1", a.Hash[:]).Scan(&taken.Done)
	if errors.Is(err, pgx.ErrNoRows) {
		return taken, false, nil
	}
	if err == nil {
		var rows pgx.Rows
		if rows, err = tx.Query(ctx, "SELECT line, content, why FROM load_invoice_rejects WHERE file = $1 ORDER BY line", a.Hash[:]); err == nil {
			taken.Rejects, err = pgx.CollectRows(rows, pgx.RowToStructByPos[csvfile.Reject])
		}
	}
	if err != nil {
		return taken, false, fmt.Errorf("read answers about invoices: %w", err)
	}
	return taken, true, nil
}

// standing reads the invoices of the file's orders, with their rows locked.
func (a *InvoiceAnswers) standing(ctx context.Context, tx pgx.Tx) (map[[2]string]Invoice, error) {
	channels, numbers := make([]string, len(a.answers)), make([]string, len(a.answers))
	for i := range a.answers {
		channels[i], numbers[i] = a.answers[i].channel, a.answers[i].order
	}
	rows, err := tx.Query(ctx, `SELECT i.channel, i.number, i.state, i.fen, i.steps, i.invoice, i.red FROM unnest($1::TEXT[], $2::TEXT[]) AS o (channel, number)
		JOIN load_invoices AS i ON i.channel = o.channel AND i.number = o.number FOR UPDATE OF i`, channels, numbers)
	all := map[[2]string]Invoice{}
	var is Invoice
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&is.Channel, &is.Order, &is.State, &is.Fen, &is.Step, &is.Number, &is.Red}, func() error {
			all[[2]string{is.Channel, is.Order}] = is
			return nil
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the invoices of orders: %w", err)
	}
	return all, nil
}

// judge gives what the rows change, and counts them.
func (a *InvoiceAnswers) judge(ctx context.Context, tx pgx.Tx, taken *csvfile.Taken) (changed []Invoice, err error) {
	all, err := a.standing(ctx, tx)
	if err != nil {
		return nil, err
	}
	seen := map[[2]string]bool{}
	for i := range a.answers {
		row := &a.answers[i]
		why := "the order is in the file twice"
		if name := [2]string{row.channel, row.order}; !seen[name] {
			seen[name] = true
			is := all[name]
			if why = row.apply(&is); why == "" {
				changed = append(changed, is)
				taken.Done++
				continue
			}
		}
		taken.Reject(row.row, why)
	}
	return changed, nil
}

// apply changes an invoice as a row says; why it does not, where it does not.
func (r *invoiceAnswer) apply(is *Invoice) (why string) {
	want := map[string]InvoiceState{doIssue: InvoiceAsked, doRed: InvoiceRedAsked}[r.do]
	switch {
	case want == "":
		return "do is neither issue nor red"
	case r.result != answerDone && r.result != answerNone:
		return "result is neither done nor refused"
	case is.Step == 0:
		return "no invoice was asked for such an order"
	case is.State != want:
		return "its invoice is " + string(is.State)
	case r.amount != is.Fen.String():
		return "the amount is another one"
	case (r.result == answerDone) != isInvoiceNumber(r.invoice):
		return "invoice: want its number, 8 to 32 letters and digits, where it was done, and nothing where it was refused"
	}
	is.Step++
	switch {
	case r.do == doIssue && r.result == answerDone:
		is.State, is.Number = InvoiceIssued, r.invoice
	case r.do == doIssue:
		is.State = NoInvoice
	case r.result == answerDone:
		is.State, is.Red = InvoiceRedLettered, r.invoice
	default:
		is.State = InvoiceIssued
	}
	return ""
}

func isInvoiceNumber(text string) bool {
	return len(text) >= 8 && len(text) <= 32 && IsNumber(text) && !strings.ContainsAny(text, "-_")
}

// keep stores the file, its rejects and the audit's entry.
func (a *InvoiceAnswers) keep(ctx context.Context, tx pgx.Tx, taken *csvfile.Taken, by ledger.Approval) error {
	told, err := taken.Told()
	if err != nil {
		return err
	}
	lines, contents, whys := taken.Columns()
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO load_invoice_files (file, lines, done, rejects) VALUES ($1, $2, $3, $4)", a.Hash[:], taken.Rows, taken.Done, len(taken.Rejects))
	batch.Queue("INSERT INTO load_invoice_rejects (file, line, content, why) SELECT $1::BYTEA, line, content, why FROM unnest($2::INT8[], $3::TEXT[], $4::TEXT[]) AS r (line, content, why)",
		a.Hash[:], lines, contents, whys)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("keep answers about invoices: %w", err)
	}
	text, err := json.Marshal(told)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, ActAnswers, string(text), by)
}
