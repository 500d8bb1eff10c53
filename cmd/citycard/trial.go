package main

import (
	"context"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// trialLine is an account's row of a trial balance, in fen.
type trialLine struct {
	Code          string     `json:"code"`
	DebitsBefore  ledger.Fen `json:"debits_before"`
	CreditsBefore ledger.Fen `json:"credits_before"`
	Debits        ledger.Fen `json:"debits"`
	Credits       ledger.Fen `json:"credits"`
	Balance       ledger.Fen `json:"balance"` // credits - debits at the end of the day
}

func (r trialLine) cells(l language.Language) []string {
	return []string{r.Code, r.DebitsBefore.String(), r.CreditsBefore.String(), r.Debits.String(), r.Credits.String(), r.Balance.String()}
}

const trialHeader = "ACCOUNT\t>DEBITS BEFORE\t>CREDITS BEFORE\t>DEBITS\t>CREDITS\t>BALANCE"

func trialCommand() *ffcli.Command {
	c := newCommand("trial-balance", "", "all accounts at the end of a day",
		"The last row adds up the others: debits equal credits, or the exit code is 3. Amounts are in yuan, with --json in fen.")
	var day books.Day
	c.flags.Var(&day, "day", "the clearing `day` YYYYMMDD; empty: the open one")
	open := c.flags.Bool("not-at-zero", false, "only clearing accounts that must return to zero and did not; exit code 3 where there are any")
	return c.reads(func(ctx context.Context, b *books.Books) error { return c.trial(ctx, b, ledger.Day(day), *open) })
}

func (c *command) trial(ctx context.Context, b *books.Books, day ledger.Day, open bool) error {
	if err := knownDay(ctx, b.Ledger, day); err != nil {
		return err
	}
	if day == 0 {
		var err error
		if day, err = b.CurrentDay(ctx); err != nil {
			return err
		}
	}
	read := b.Trial
	if open {
		read = b.NotAtZero
	}
	rows, err := read(ctx, day)
	if err != nil {
		return err
	}
	total := trialLine{Code: c.Language.Of("total")}
	err = list(c, trialHeader, trialLine.cells, func(add func(trialLine) error) error {
		for _, r := range rows {
			line := trialLine{
				r.Account.Code, r.Before.Debits, r.Before.Credits, r.Day.Debits, r.Day.Credits, r.Before.CreditBalance() + r.Day.CreditBalance(),
			}
			total.DebitsBefore += line.DebitsBefore
			total.CreditsBefore += line.CreditsBefore
			total.Debits += line.Debits
			total.Credits += line.Credits
			total.Balance += line.Balance
			if err := add(line); err != nil {
				return err
			}
		}
		if open || c.asJSON {
			return nil
		}
		return add(total)
	})
	if err == nil && (open && len(rows) > 0 || !open && (total.Balance != 0 || total.DebitsBefore != total.CreditsBefore)) {
		err = service.Exit(service.ExitFindings, nil)
	}
	return err
}
