package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/shopspring/decimal"

	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

func receiveCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard receive", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	var database string
	service.RegisterDatabase(flags, &database, "`URL` of the database; empty: the data directory's / 数据库地址")
	account := flags.String("account", "", "`account` that the money belongs to: channel:ID, deposits:own, passes:own, fees:own, fund:ID or pension:fund / 账户")
	amount := flags.String("amount", "", "`yuan`, such as 1200.50 / 金额(元)")
	reference := flags.String("reference", "", "the bank's `reference`; the same one books once / 银行流水号")
	return &ffcli.Command{
		Name:       "receive",
		ShortUsage: "citycard receive --account CODE --amount YUAN --reference TEXT [flags]",
		ShortHelp:  "book money that arrived at the bank / 登记到账资金",
		FlagSet:    flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			fen, err := parseYuan(*amount)
			if err == nil && fen == 0 {
				err = errNoYuan
			}
			if err != nil {
				return service.Exit(service.ExitUsage, fmt.Errorf("--amount %q: %w", *amount, err))
			}
			r, err := server.NewReceipt(*account, fen, *reference)
			if err != nil {
				return service.Exit(service.ExitUsage, err)
			}
			b, done, err := books.ToBook(ctx, database, common.Data, common.Logger())
			if err != nil {
				return err
			}
			booked, err := server.Receive(ctx, b.Ledger, server.OwnerName(), r)
			if err := firstOf(err, done()); err != nil {
				return err
			}
			said := ""
			if booked == 0 {
				said = ": booked before; nothing changed / 此前已入账"
			}
			fmt.Printf("%s +%s (%s)%s\n", *account, fen.String(), *reference, said)
			return nil
		},
	}
}

// firstOf is the error that matters when a second one came while cleaning up.
func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
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
