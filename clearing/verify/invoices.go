package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"citycard/clearing/csvfile"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/ledger/chain"
	books "citycard/ledger/verify"
)

// The notes about the invoices of orders (09), and the row that is kept of each.
const besideInvoices = `
	SELECT subject, substring(id, 1, 33) AS name, 0 AS what, id, evidence, booking_day::INT8 AS day, ''::TEXT AS channel, ''::TEXT AS number, ''::TEXT AS state,
		0::INT8 AS fen, 0::INT8 AS steps, ''::TEXT AS invoice, ''::TEXT AS red
		FROM journal WHERE effective_day = $1 AND id >= '\x09' AND id < '\x0a'
	UNION ALL SELECT ('channel:' || channel)::BYTEA, name, 1, ''::BYTEA, ''::BYTEA, day::INT8, channel, number, state, fen, steps, invoice, red FROM load_invoices
	ORDER BY subject, name, what, id`

// invoiceRow is a row of besideInvoices.
type invoiceRow struct {
	subject, name, id, evidence []byte
	what                        int
	day                         int64
	kept                        load.Invoice
}

// invoiced is what the notes of one order have come to.
type invoiced struct {
	subject, name []byte
	last          load.Invoice
	day           int64
	wrong         string
}

// invoices compares what is kept of invoices with the journal's notes, and these with the audit.
func (c *check) invoices(ctx context.Context) error {
	asked, done := map[load.AskInvoice]int{}, 0
	told(c, load.ActAskInvoice, func(e *chain.AuditEntry, of load.AskInvoice) {
		asked[of]++
		c.signedWhat(e, of.What())
	})
	files := map[string]csvfile.Told{}
	told(c, load.ActAnswers, func(e *chain.AuditEntry, of load.AnswersTold) {
		files[of.File] = of.Told
		done += of.Done
		c.signedWhat(e, of.What())
	})
	var r invoiceRow
	n := &invoiced{}
	end := func() {
		if n.last.Step > 0 {
			c.fault(LoadInvoice, n.where(), "the journal has notes about it, and no row")
		}
	}
	err := c.each(ctx, besideInvoices, []any{
		&r.subject, &r.name, &r.what, &r.id, &r.evidence, &r.day, &r.kept.Channel, &r.kept.Order, &r.kept.State, &r.kept.Fen, &r.kept.Step, &r.kept.Number, &r.kept.Red,
	}, func() error {
		if !bytes.Equal(r.subject, n.subject) || !bytes.Equal(r.name, n.name) {
			end()
			n = &invoiced{subject: bytes.Clone(r.subject), name: bytes.Clone(r.name), last: load.Invoice{State: load.NoInvoice}}
		}
		if r.what == 0 {
			if of, ask := n.add(&r); ask {
				asked[of]--
			} else {
				done--
			}
			return nil
		}
		if n.wrong == "" && (n.last != r.kept || n.day != r.day) {
			n.wrong = "it is not what its last note says"
		}
		if n.last = r.kept; n.wrong != "" {
			c.fault(LoadInvoice, n.where(), "%s", n.wrong)
		}
		n = &invoiced{}
		return nil
	}, identity.NoDay)
	end()
	defer c.inOrder()()
	for of, left := range asked {
		if left != 0 {
			c.fault(LoadInvoice, fmt.Sprintf("order %s of channel:%s", of.Order, of.Channel), "the audit asks for an invoice or red letter %d times more than the journal", left)
		}
	}
	if done != 0 {
		c.fault(LoadInvoice, "answers", "the audit has %d more of them than the journal", done)
	}
	if err != nil {
		return err
	}
	return c.takenFiles(ctx, LoadInvoice, "answers", "SELECT file, lines, done, rejects FROM load_invoice_files",
		"SELECT file, line, content, why FROM load_invoice_rejects ORDER BY file, line", files)
}

func (n *invoiced) where() string {
	return fmt.Sprintf("order %s of channel:%s", n.last.Order, n.last.Channel)
}

// add takes up a note; ask: it is that somebody asked for something.
func (n *invoiced) add(r *invoiceRow) (of load.AskInvoice, ask bool) {
	var is load.Invoice
	err := json.Unmarshal(r.evidence, &is)
	switch {
	case err != nil:
		n.wrong = "a note about it cannot be read"
	case string(r.subject) != string(load.PlacedBy(is.Channel)) || string(r.id) != string(identity.LoadInvoice(is.Order, is.Step)) || is.Step != n.last.Step+1:
		n.wrong = "a note about it is under another key"
	case !is.State.Follows(n.last.State):
		n.wrong = fmt.Sprintf("it was %s, and became %s", n.last.State, is.State)
	}
	n.last, n.day = is, r.day
	ask = is.State == load.InvoiceAsked || is.State == load.InvoiceRedAsked
	return load.AskInvoice{Channel: is.Channel, Order: is.Order, Red: is.State == load.InvoiceRedAsked}, ask
}

// takenFiles compares what is kept of files of rows, and of their rejects, with the audit.
func (c *check) takenFiles(ctx context.Context, kind books.Kind, what, files, rejects string, audited map[string]csvfile.Told) error {
	defer c.inOrder()()
	kept := map[string]*csvfile.Taken{}
	var file []byte
	var lines, done, bad int64
	err := c.each(ctx, files, []any{&file, &lines, &done, &bad}, func() error {
		name := hex.EncodeToString(file)
		kept[name] = &csvfile.Taken{File: name, Rows: int(lines), Done: int(done), Rejects: []csvfile.Reject{}}
		if want := audited[name].Rejects; int64(want) != bad {
			c.fault(kind, what+" "+name, "%d rejects; the audit has %d", bad, want)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var r csvfile.Reject
	err = c.each(ctx, rejects, []any{&file, &r.Line, &r.Content, &r.Why}, func() error {
		name := hex.EncodeToString(file)
		if kept[name] == nil {
			kept[name] = &csvfile.Taken{}
		}
		kept[name].Rejects = append(kept[name].Rejects, r)
		return nil
	})
	for name, of := range kept {
		if now, err := of.Told(); err != nil || now != audited[name] {
			c.fault(kind, what+" "+name, "what is kept of the file is not what the audit has")
		}
	}
	for name := range audited {
		if kept[name] == nil {
			c.fault(kind, what+" "+name, "the audit has the file, and nothing is kept of it")
		}
	}
	return err
}
