package main

import (
	"bytes"
	"context"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people/api"
	"citycard/clearing/transit/load"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
)

func loadInvoiceCommand() *ffcli.Command {
	g := group("load invoice", "invoices of paid loads",
		"An ordinary invoice without tax is made by the city's invoicing system, from a file that is exported here. Its answers\n"+
			"come back as a file. The money of an invoiced load is given back only after its red letter.",
		loadInvoiceAskCommand(), loadInvoiceShowCommand(), loadInvoiceExportCommand(), loadInvoiceImportCommand())
	g.Name = "invoice"
	return g
}

// invoiced is the order whose invoice is meant.
type invoiced struct{ channel, order string }

func (i *invoiced) register(c *command) {
	c.flags.StringVar(&i.channel, "channel", "", "`ID` of the channel that was paid")
	c.flags.StringVar(&i.order, "order", "", "the channel's order `number`")
}

func (i *invoiced) missing() error {
	switch {
	case i.channel == "":
		return language.Textf("--channel is missing: want the ID of the channel that was paid")
	case i.order == "":
		return language.Textf("--order is missing: want the channel's order number")
	}
	return nil
}

func invoiceWords(state load.InvoiceState, l language.Language) string {
	return l.Coded(string(state), string(state), map[load.InvoiceState]string{
		load.NoInvoice: "未开票", load.InvoiceAsked: "已申请开票", load.InvoiceIssued: "已开票", load.InvoiceRedAsked: "已申请红冲", load.InvoiceRedLettered: "已红冲",
	}[state])
}

func (c *command) printInvoice(is *api.LoadInvoice) error {
	if c.asJSON {
		return writeJSON(os.Stdout, is)
	}
	c.Print("order %s of channel:%s, %s yuan: %s", is.Order, is.Channel, is.Fen.String(), invoiceWords(is.State, c.Language))
	if is.Invoice != "" {
		c.Print("invoice %s", is.Invoice)
	}
	if is.Red != "" {
		c.Print("red letter %s", is.Red)
	}
	return nil
}

func loadInvoiceAskCommand() *ffcli.Command {
	c := newCommand("load invoice ask", "--channel ID --order NUMBER [--red] --identity FILE --reason TEXT", "ask for the invoice of a paid load",
		"With --red, for the red letter of the invoice that was issued. It is in the next export for the invoicing system.")
	c.registerJSON("print for machines")
	var of invoiced
	of.register(c)
	red := c.flags.Bool("red", false, "ask for the red letter of the invoice that was issued")
	var by actor
	by.register(c)
	c.check = func() error {
		if err := of.missing(); err != nil {
			return err
		}
		return by.missing()
	}
	return c.asks(true, by.identity, func(ctx context.Context, client *api.Client) error {
		is, err := client.AskInvoice(ctx, &load.AskInvoice{Channel: of.channel, Order: of.order, Red: *red}, by.reason, c.dry)
		if err != nil {
			return err
		}
		return c.printInvoice(&is)
	})
}

func loadInvoiceShowCommand() *ffcli.Command {
	c := newCommand("load invoice show", "--channel ID --order NUMBER", "how the invoice of a paid load stands", "")
	c.registerJSON("print for machines")
	var of invoiced
	of.register(c)
	c.check = of.missing
	return c.reads(func(ctx context.Context, b *books.Books) error {
		is, err := load.FindInvoice(ctx, b.Ledger, of.channel, of.order)
		if err != nil {
			return err
		}
		return c.printInvoice(&api.LoadInvoice{Channel: is.Channel, Order: is.Order, State: is.State, Fen: is.Fen, Invoice: is.Number, Red: is.Red})
	})
}

func loadInvoiceExportCommand() *ffcli.Command {
	c := newCommand("load invoice export", "[--out FILE]", "write the invoices and red letters that are asked for, for the invoicing system",
		"CSV with channel, order, do (issue, red), amount in yuan, item, tax, and the invoice that is red-lettered. The last line\n"+
			"has the number of rows and the SHA-256 of all before it. A row stays until its answer is imported.")
	out := c.flags.String("out", "", "new `file`; empty: it is printed")
	return c.reads(func(ctx context.Context, b *books.Books) error {
		if *out == "" {
			_, err := load.ExportInvoices(ctx, b.Ledger, os.Stdout)
			return err
		}
		var content bytes.Buffer
		rows, err := load.ExportInvoices(ctx, b.Ledger, &content)
		if err == nil {
			err = durable.WriteFile(*out, content.Bytes())
		}
		if err != nil {
			return err
		}
		c.Print("%d rows in %s", rows, *out)
		return nil
	})
}

// mostReplies bounds a file of answers, in bytes.
const mostReplies = 1_000_000

func loadInvoiceImportCommand() *ffcli.Command {
	c := newCommand("load invoice import", "--identity FILE --reason TEXT FILE", "take the invoicing system's answers",
		"CSV with channel, order, do, amount, result (done, refused) and invoice; its last line is as in the export. A row that\n"+
			"does not fit is kept with the reason, and keeps no other one back. The same file again does nothing.")
	c.registerJSON("print for machines")
	var by actor
	by.register(c)
	c.takesWords(1)
	c.check = by.missing
	return c.asks(true, by.identity, func(ctx context.Context, client *api.Client) error {
		content, err := server.ReadFile(c.arguments[0], mostReplies)
		if err != nil {
			return service.Refuse("nothing was taken").Todo("give the file that the invoicing system wrote").Because(err)
		}
		taken, err := client.TakeReplies(ctx, content, by.reason, c.dry)
		if err != nil {
			return notTaken(err)
		}
		if c.asJSON {
			return writeJSON(os.Stdout, taken)
		}
		c.Print("%d rows: %d taken, %d kept as rejects", taken.Rows, taken.Done, len(taken.Rejects))
		c.printRejects(&taken.Taken)
		return nil
	})
}
