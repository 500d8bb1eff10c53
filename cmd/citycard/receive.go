package main

import (
	"context"
	"flag"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/shopspring/decimal"

	"citycard/clearing/receipt"
	"citycard/language"
	"citycard/ledger"
)

func registerReference(flags *flag.FlagSet) *string {
	return flags.String("reference", "", "the bank's `reference`; the same one books once")
}

func receiveCommand() *ffcli.Command {
	p := newProposing("receive", "--account CODE --amount YUAN --reference TEXT", "propose to book money that arrived at the bank", "")
	account := p.flags.String("account", "", "`account` that the money belongs to: channel:ID, handed:ID, deposits:own, passes:own, fees:own, fund:ID or pension:fund")
	amount := p.flags.String("amount", "", "`yuan`, such as 1200.50")
	reference := registerReference(p.flags)
	var r receipt.BookRequest
	p.check = func() error {
		fen, err := parseYuan(*amount)
		if err == nil && fen == 0 {
			err = errNoYuan
		}
		if err != nil {
			return language.Textf("--amount %q: %w", *amount, err)
		}
		of, err := receipt.New(*account, fen, *reference)
		r = receipt.BookRequest{Account: of.Account, Fen: of.Fen, Reference: of.Reference}
		return err
	}
	command := proposes(p, receipt.ActBook, func(context.Context) (receipt.BookRequest, error) { return r, nil })
	command.Subcommands = []*ffcli.Command{receiveReverseCommand()}
	return command
}

func receiveReverseCommand() *ffcli.Command {
	p := newProposing("receive reverse", "--reference TEXT", "propose to take a receipt back that was booked wrongly",
		"Books the whole amount back; both stay in the books. It is refused where the account does not hold the money any\n"+
			"more. Book what really came under a reference of its own.")
	reference := registerReference(p.flags)
	account := p.flags.String("account", "", "`account` that the money was booked to, where two banks have the reference")
	var r receipt.ReverseRequest
	p.check = func() error {
		of, err := receipt.NewReversal(*reference, *account)
		r = receipt.ReverseRequest(of)
		return err
	}
	return proposes(p, receipt.ActReverse, func(context.Context) (receipt.ReverseRequest, error) { return r, nil })
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
