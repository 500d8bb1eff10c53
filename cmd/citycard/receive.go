package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/shopspring/decimal"

	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/ledger"
)

func receiveCommand() *ffcli.Command {
	c := newCommand("receive", "--account CODE --amount YUAN --reference TEXT", "book money that arrived at the bank / 登记到账资金", "")
	account := c.flags.String("account", "", "`account` that the money belongs to: channel:ID, deposits:own, passes:own, fees:own, fund:ID or pension:fund / 账户")
	amount := c.flags.String("amount", "", "`yuan`, such as 1200.50 / 金额(元)")
	reference := c.flags.String("reference", "", "the bank's `reference`; the same one books once / 银行流水号")
	var r server.Receipt
	c.check = func() error {
		fen, err := parseYuan(*amount)
		if err == nil && fen == 0 {
			err = errNoYuan
		}
		if err != nil {
			return fmt.Errorf("--amount %q: %w", *amount, err)
		}
		r, err = server.NewReceipt(*account, fen, *reference)
		return err
	}
	return c.changes(func(ctx context.Context, b *books.Books) error {
		booked, err := server.Receive(ctx, b.Ledger, server.OwnerName(), r)
		if err != nil {
			return err
		}
		said := ""
		if booked == 0 {
			said = ": booked before; nothing changed / 此前已入账"
		}
		c.Print("%s +%s (%s)%s", *account, r.Fen.String(), *reference, said)
		return nil
	})
}

// errNoYuan says what an amount of money received looks like.
var errNoYuan = errors.New("want yuan above zero with at most two decimals / 金额须为正,单位元,至多两位小数")

// parseYuan reads an amount in yuan, 0 or more.
func parseYuan(text string) (ledger.Fen, error) {
	d, err := decimal.NewFromString(text)
	if err != nil || d.Sign() < 0 || !d.Shift(2).IsInteger() || d.Cmp(decimal.New(1, 12)) > 0 {
		return 0, errNoYuan
	}
	return ledger.Fen(d.Shift(2).IntPart()), nil
}
