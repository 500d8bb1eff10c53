package main

import (
	"context"
	"flag"
	"slices"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// past are the flags that select an earlier state of the books.
type past struct {
	day books.Day
	at  moment
}

func (p *past) register(flags *flag.FlagSet) {
	flags.Var(&p.day, "day", "as it was at the end of the clearing `day` YYYYMMDD; empty: now")
	flags.Var(&p.at, "at", "as it was at a `time` such as 2026-01-05T12:00:00+08:00; empty: now")
}

func (p *past) check() error {
	if p.day != 0 && !p.at.IsZero() {
		return language.Textf("--day and --at exclude each other")
	}
	return nil
}

func (p *past) asOf() shadow.AsOf { return shadow.AsOf{Day: ledger.Day(p.day), At: p.at.Time} }

// moment is a flag that holds a point in time.
type moment struct{ time.Time }

func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Format(time.RFC3339)
}

func (m *moment) Set(text string) error {
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return language.Textf("%q is not a time such as 2026-01-05T12:00:00+08:00", text)
	}
	m.Time = parsed
	return nil
}

// accountLine is an account with its sums, in fen.
type accountLine struct {
	Code      string      `json:"code"`
	Kind      ledger.Kind `json:"kind"`
	Owner     string      `json:"owner"`
	Flags     string      `json:"flags"`
	Debits    ledger.Fen  `json:"debits"`
	Credits   ledger.Fen  `json:"credits"`
	Held      ledger.Fen  `json:"held"`    // of its debits; only of now
	Balance   ledger.Fen  `json:"balance"` // credits - debits
	Available ledger.Fen  `json:"available"`
	Cap       ledger.Fen  `json:"cap,omitempty"`
	Alarm     ledger.Fen  `json:"alarm,omitempty"`
}

func (a accountLine) cells(l language.Language) []string {
	return []string{
		a.Code, kindIn(l, a.Kind), a.Owner, flagsIn(l, a.Flags), a.Debits.String(), a.Credits.String(), a.Held.String(), a.Balance.String(), a.Available.String(),
	}
}

// kindIn is a kind of account in words.
func kindIn(l language.Language, kind ledger.Kind) string {
	chinese := ""
	switch kind {
	case ledger.Asset:
		chinese = "资产"
	case ledger.Liability:
		chinese = "负债"
	case ledger.Income:
		chinese = "收入"
	case ledger.Expense:
		chinese = "支出"
	}
	return l.Coded(string(kind), string(kind), chinese)
}

// flagsIn puts the names of an account's flags into words; names are separated by commas.
func flagsIn(l language.Language, names string) string {
	chinese := map[string]string{
		ledger.DebitsMustNotExceedCredits.String(): "借方不得超过贷方", ledger.CreditsMustNotExceedDebits.String(): "贷方不得超过借方",
		ledger.Closed.String(): "已销户", ledger.Frozen.String(): "已冻结", ledger.MustReturnToZero.String(): "须归零",
	}
	flags := strings.Split(names, ", ")
	for i, name := range flags {
		flags[i] = l.Coded(name, name, chinese[name])
	}
	return strings.Join(flags, l.Choose(", ", "，"))
}

const accountHeader = "ACCOUNT\tKIND\tOWNER\tFLAGS\t>DEBITS\t>CREDITS\t>HELD\t>BALANCE\t>AVAILABLE"

func accountCommand() *ffcli.Command {
	c := newCommand("account", "[--code CODE]", "accounts and what is on them", "Amounts are in yuan, with --json in fen. What is held is known of now only.")
	c.cli.ShortUsage += " | citycard account limit [flags] | citycard account mark [flags]"
	var as past
	as.register(c.flags)
	code := c.flags.String("code", "", "`code` of the account; suspense: stands for all whose codes begin so; empty: all of them")
	notZero := c.flags.Bool("not-zero", false, "only those on which something is left")
	c.check = as.check
	account := c.reads(func(ctx context.Context, b *books.Books) error { return c.accounts(ctx, b, *code, *notZero, as.asOf()) })
	account.Subcommands = []*ffcli.Command{accountLimitCommand(), accountMarkCommand()}
	return account
}

func (c *command) accounts(ctx context.Context, b *books.Books, code string, notZero bool, asOf shadow.AsOf) error {
	if err := knownDay(ctx, b.Ledger, asOf.Day); err != nil {
		return err
	}
	chart, err := b.Accounts(ctx)
	if err != nil {
		return err
	}
	accounts := slices.DeleteFunc(chart.All(), func(a ledger.Account) bool {
		return code != "" && a.Code != code && !(strings.HasSuffix(code, ":") && strings.HasPrefix(a.Code, code))
	})
	if len(accounts) == 0 && code != "" {
		return noAccount(code)
	}
	return list(c, accountHeader, accountLine.cells, func(add func(accountLine) error) error {
		for _, a := range accounts {
			sums, err := sumsOf(ctx, b.Ledger, a.Code, asOf)
			if err != nil {
				return err
			}
			if notZero && sums.CreditBalance() == 0 {
				continue
			}
			err = add(accountLine{
				Code: a.Code, Kind: a.Kind, Owner: a.Owner, Flags: a.Flags.String(), Debits: sums.Debits, Credits: sums.Credits, Held: sums.DebitsHeld,
				Balance: sums.CreditBalance(), Available: sums.Available() + a.Cap, Cap: a.Cap, Alarm: a.Alarm,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func sumsOf(ctx context.Context, l *ledger.Ledger, code string, asOf shadow.AsOf) (ledger.Sums, error) {
	if asOf == (shadow.AsOf{}) {
		return l.Balance(ctx, code)
	}
	return shadow.SumsAsOf(ctx, l, code, asOf)
}

func noAccount(code string) error {
	return service.Fail("no account %s", code).Todo(`"citycard account" lists them`).Because(ledger.ErrNoAccount)
}
