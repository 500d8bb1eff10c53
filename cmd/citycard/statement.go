package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
)

// statementLine is a row of a subject's statement; the id is in hex, the amount in fen.
type statementLine struct {
	Day     string     `json:"day"`
	ID      string     `json:"id"`
	Act     string     `json:"act"` // or a memo's kind
	Debit   string     `json:"debit,omitempty"`
	Credit  string     `json:"credit,omitempty"`
	Amount  ledger.Fen `json:"amount"`
	Purpose uint16     `json:"purpose,omitempty"`
	Reason  string     `json:"reason,omitempty"`
	Booked  string     `json:"booked"`
	// Balance, where an account was asked for, is what the subject has on it at the end of all rows; it stands on the last line only.
	Balance *ledger.Fen `json:"balance,omitempty"`
}

func (s statementLine) text() string {
	if s.Balance != nil {
		return fmt.Sprintf("balance / 余额\t\t\t\t%s\t%v\t\t", s.Credit, *s.Balance)
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%v\t%s\t%s", s.Day, s.ID, s.Act, s.Debit, s.Credit, s.Amount, s.Reason, s.Booked)
}

const statementHeader = "DAY 日期\tID 编号\tACT 事项\tDEBIT 借方\tCREDIT 贷方\tAMOUNT 金额\tREASON 原因\tBOOKED 入账日"

func statementCommand() *ffcli.Command {
	l, flags := newLook("statement")
	l.registerMoment(flags)
	subject := flags.String("subject", "", "whose statement: a person's token, a card's first 8 digits of the issuer id and last 16 of the number, in `hex` / 主体")
	account := flags.String("account", "", "add what the subject has on the account with this `code` / 附主体在该账户的余额")
	from, to := books.Day(19000101), books.Day(29991231)
	flags.Var(&from, "from", "first `day` YYYYMMDD / 起始日")
	flags.Var(&to, "to", "last `day` YYYYMMDD / 截止日")
	return &ffcli.Command{
		Name: "statement", ShortUsage: "citycard statement --subject HEX [flags]", ShortHelp: "what was booked for one card or person / 对账单",
		LongHelp: "Amounts are in yuan, with --json in fen.", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			whose, err := hex.DecodeString(*subject)
			if err != nil || len(whose) == 0 {
				return service.Exit(service.ExitUsage, fmt.Errorf("--subject %q: want hex digits, two a byte", *subject))
			}
			asOf, err := l.asOf()
			if err != nil {
				return err
			}
			return l.books(ctx, args, func(books *ledger.Ledger) error {
				return l.statement(ctx, books, ledger.Subject(whose), ledger.Day(from), ledger.Day(to), asOf, *account)
			})
		},
	}
}

func (l *look) statement(ctx context.Context, b *ledger.Ledger, whose ledger.Subject, from, to ledger.Day, asOf ledger.AsOf, code string) error {
	if err := knownDay(ctx, b, asOf.Day); err != nil {
		return err
	}
	chart, err := b.Accounts(ctx)
	if err != nil {
		return err
	}
	account, known := chart.Account(code)
	if code != "" && !known {
		return service.Fail("no account "+code+" / 没有该账户", `"citycard account" lists them`, ledger.ErrNoAccount)
	}
	out := newSheet(os.Stdout, l.asJSON, statementHeader, statementLine.text)
	err = b.StatementAsOf(ctx, whose, from, to, asOf, func(r ledger.Row) error {
		line := statementLine{
			Day: r.Day.String(), ID: hex.EncodeToString([]byte(r.ID)), Act: r.Act.String(), Amount: r.Amount, Purpose: uint16(r.Purpose),
			Reason: r.Reason, Booked: r.BookingDay.String(),
		}
		if r.IsMemo() {
			line.Act = r.Kind
		} else {
			line.Debit, line.Credit = books.CodeOf(chart, r.Debit), books.CodeOf(chart, r.Credit)
		}
		return out.add(line)
	})
	if err == nil && code != "" {
		var balance ledger.Fen
		balance, err = b.SubjectBalance(ctx, account.ID, whose, asOf)
		err = errors.Join(err, out.add(statementLine{Credit: code, Balance: &balance}))
	}
	return errors.Join(err, out.close())
}
