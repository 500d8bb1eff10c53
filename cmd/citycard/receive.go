package main

import (
	"context"
	"errors"
	"flag"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/shopspring/decimal"

	"citycard/clearing/receipt"
	"citycard/clearing/release"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func registerReference(flags *flag.FlagSet) *string {
	return flags.String("reference", "", "the bank's `reference`; the same one books once")
}

func receiveCommand() *ffcli.Command {
	c := newCommand("receive", "--account CODE --amount YUAN --reference TEXT --by NAME --and NAME --reason TEXT", "book money that arrived at the bank, by two people", "")
	account := c.flags.String("account", "", "`account` that the money belongs to: channel:ID, deposits:own, passes:own, fees:own, fund:ID or pension:fund")
	amount := c.flags.String("amount", "", "`yuan`, such as 1200.50")
	reference := registerReference(c.flags)
	var by people
	by.register(c.flags)
	var r receipt.Receipt
	c.check = func() error {
		fen, err := parseYuan(*amount)
		if err == nil && fen == 0 {
			err = errNoYuan
		}
		if err != nil {
			return language.Textf("--amount %q: %w", *amount, err)
		}
		if r, err = receipt.New(*account, fen, *reference); err != nil {
			return err
		}
		return by.missing()
	}
	command := c.changes(func(ctx context.Context, b *books.Books) error {
		done, err := receiptOffice(b).Book(ctx, r, by.approval())
		if err != nil {
			return notBooked(err)
		}
		if done.Stands {
			c.Print("%s +%s (%s): booked before; nothing changed", *account, r.Fen.String(), *reference)
		} else {
			c.Print("%s +%s (%s), by %s and %s", *account, r.Fen.String(), *reference, by.first, by.second)
		}
		return nil
	})
	command.Subcommands = []*ffcli.Command{receiveReverseCommand()}
	return command
}

func receiveReverseCommand() *ffcli.Command {
	c := newCommand("receive reverse", "--reference TEXT --by NAME --and NAME --reason TEXT", "take a receipt back that was booked wrongly, by two people",
		"Books the whole amount back; both stay in the books. It is refused where the account does not hold the money any\n"+
			"more. Book what really came under a reference of its own.")
	reference := registerReference(c.flags)
	account := c.flags.String("account", "", "`account` that the money was booked to, where two banks have the reference")
	var by people
	by.register(c.flags)
	var r receipt.Reversal
	c.check = func() (err error) {
		if r, err = receipt.NewReversal(*reference, *account); err != nil {
			return err
		}
		return by.missing()
	}
	return c.changes(func(ctx context.Context, b *books.Books) error {
		done, err := receiptOffice(b).Reverse(ctx, r, by.approval())
		if err != nil {
			return notBooked(err)
		}
		c.Print("%s -> %s %s", done.Debit, done.Credit, done.Fen.String())
		if done.Stands {
			c.Print("reversed before; nothing changed")
		} else {
			c.Print("reference %s reversed, by %s and %s", done.Reference, by.first, by.second)
		}
		return nil
	})
}

func receiptOffice(b *books.Books) *receipt.Office {
	return &receipt.Office{Ledger: b.Ledger, Owner: server.OwnerName()}
}

// notBooked is an error for the user, where something was refused.
func notBooked(err error) error {
	refusal, ok := errors.AsType[*release.Refusal](err)
	if !ok {
		return err
	}
	failure := service.Refuse("%w", refusal.Text)
	if refusal.Todo != nil {
		failure = failure.Todo("%w", refusal.Todo)
	}
	return failure
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
