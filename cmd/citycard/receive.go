package main

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/shopspring/decimal"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
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
			if err != nil {
				return service.Exit(service.ExitUsage, err)
			}
			r, err := newReceipt(*account, fen, *reference)
			if err != nil {
				return service.Exit(service.ExitUsage, err)
			}
			b, done, err := booksOf(ctx, database, common.Data, common.Logger())
			if err != nil {
				return err
			}
			f := &foundation{books: b}
			if err := f.receive(ctx, ownerName(), r); err != nil {
				return firstOf(err, done())
			}
			fmt.Printf("%s +%s (%s)\n", *account, *amount, *reference)
			return done()
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

func parseYuan(text string) (ledger.Fen, error) {
	d, err := decimal.NewFromString(text)
	if err != nil || d.Sign() <= 0 || !d.Shift(2).IsInteger() || d.Cmp(decimal.New(1, 12)) > 0 {
		return 0, fmt.Errorf("--amount %q: want yuan above zero with at most two decimals", text)
	}
	return ledger.Fen(d.Shift(2).IntPart()), nil
}

// receipt is money that the bank reports.
type receipt struct {
	account   string
	bank      string
	fen       ledger.Fen
	reference string
}

func newReceipt(account string, fen ledger.Fen, reference string) (receipt, error) {
	number, err := identity.Number(reference, 60)
	if err != nil {
		return receipt{}, fmt.Errorf("--reference: %w", err)
	}
	r := receipt{account: account, fen: fen, reference: number}
	switch {
	case strings.HasPrefix(account, "channel:"), account == chart.Deposits, account == chart.Passes, account == chart.Fees:
		r.bank = chart.Reserve
	case strings.HasPrefix(account, "fund:"):
		r.bank = chart.BankMedical
	case account == chart.PensionFund:
		r.bank = chart.BankPension
	default:
		return receipt{}, fmt.Errorf("--account %q: want channel:ID, %s, %s, %s, fund:ID or %s", account, chart.Deposits, chart.Passes, chart.Fees, chart.PensionFund)
	}
	return r, nil
}

// receive books receipts: the bank's account is debited, the account that the
// money belongs to credited. The effective day is a fixed one, so that a
// reference books once, on whatever day it is repeated.
func (f *foundation) receive(ctx context.Context, owner string, receipts ...receipt) error {
	transfers := make([]ledger.Transfer, len(receipts))
	for i, r := range receipts {
		transfers[i] = ledger.Transfer{
			Day: identity.NoDay, Subject: ledger.Subject(r.bank), ID: identity.Receipt(r.reference),
			Debit: ledger.IDOfCode(r.bank), Credit: ledger.IDOfCode(r.account), Amount: r.fen, Purpose: chart.PurposeReceipt,
		}
	}
	return f.postOnce(ctx, "receipts", owner, transfers)
}
