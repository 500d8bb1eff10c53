package main

import (
	"context"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/shopspring/decimal"

	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/language"
	"citycard/ledger"
)

func receiveCommand() *ffcli.Command {
	c := newCommand("receive", "--account CODE --amount YUAN --reference TEXT", "book money that arrived at the bank", "")
	account := c.flags.String("account", "", "`account` that the money belongs to: channel:ID, deposits:own, passes:own, fees:own, fund:ID or pension:fund")
	amount := c.flags.String("amount", "", "`yuan`, such as 1200.50")
	reference := c.flags.String("reference", "", "the bank's `reference`; the same one books once")
	var r server.Receipt
	c.check = func() error {
		fen, err := parseYuan(*amount)
		if err == nil && fen == 0 {
			err = errNoYuan
		}
		if err != nil {
			return language.Textf("--amount %q: %w", *amount, err)
		}
		r, err = server.NewReceipt(*account, fen, *reference)
		return err
	}
	return c.changes(func(ctx context.Context, b *books.Books) error {
		booked, err := server.Receive(ctx, b.Ledger, server.OwnerName(), r)
		if err != nil {
			return err
		}
		if booked == 0 {
			c.Print("%s +%s (%s): booked before; nothing changed", *account, r.Fen.String(), *reference)
		} else {
			c.Print("%s +%s (%s)", *account, r.Fen.String(), *reference)
		}
		return nil
	})
}

// errNoYuan says what an amount of money received looks like.
var errNoYuan = language.Textf("want yuan above zero with at most two decimals")

// parseYuan reads an amount in yuan, 0 or more.
func parseYuan(text string) (ledger.Fen, error) {
	d, err := decimal.NewFromString(text)
	if err != nil || d.Sign() < 0 || !d.Shift(2).IsInteger() || d.Cmp(decimal.New(1, 12)) > 0 {
		return 0, errNoYuan
	}
	return ledger.Fen(d.Shift(2).IntPart()), nil
}
