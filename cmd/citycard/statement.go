package main

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/rules"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
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
	// Due is the day on which an operator's payment is due, where it is one.
	Due string `json:"due,omitempty"`
	// Balance, if an account was given, is the subject's balance on it after all rows; only the
	// last line has it.
	Balance *ledger.Fen `json:"balance,omitempty"`
}

func (s statementLine) cells(l language.Language) []string {
	if s.Balance != nil {
		return []string{l.Of("balance"), "", "", "", s.Credit, s.Balance.String(), "", "", ""}
	}
	return []string{s.Day, s.ID, actIn(s.Act, l), s.Debit, s.Credit, s.Amount.String(), reasonIn(s.Reason, l), s.Booked, s.Due}
}

// actIn is an act, or a memo's kind, with what it means.
func actIn(act string, l language.Language) string {
	chinese := map[string]string{
		ledger.Move.String(): "转账", ledger.Hold.String(): "预授权", ledger.PostHold.String(): "预授权完成", ledger.VoidHold.String(): "预授权撤销",
		ledger.ExpireHold.String(): "预授权到期", ledger.Reverse.String(): "冲正", ledger.KeepMemo.String(): "备注",
		docket.KindRecord: "备查记录", docket.KindReject: "拒绝", docket.KindQuarantine: "隔离", docket.KindJudged: "复判", ledger.DisputeKind: "争议",
	}
	return l.Coded(act, act, chinese[act])
}

// reasonIn is the reason of a memo with what it means. It is a verdict, or a reason code that an
// error may follow; other texts stay as they are.
func reasonIn(reason string, l language.Language) string {
	code, cause, more := strings.Cut(reason, ": ")
	words := verdict.Reason(code).In(l)
	if v, known := verdict.Parse(code); known {
		words = v.In(l)
	}
	if more {
		words += l.Choose(": ", "：") + cause
	}
	return words
}

const statementHeader = "EFFECTIVE\tID\tACT\tDEBIT\tCREDIT\t>AMOUNT\tREASON\tBOOKED\tDUE"

// statement holds the flags of citycard statement.
type statement struct {
	*command
	past
	span
	subject, account string
}

func statementCommand() *ffcli.Command {
	s := &statement{span: everyDay()}
	s.command = newCommand("statement", "--subject HEX", "what was booked for one card or person", "Amounts are in yuan, with --json in fen. An operator's payments have the day on which they are due.")
	s.past.register(s.flags)
	s.flags.Var(&s.from, "from", "first `day` YYYYMMDD")
	s.flags.Var(&s.to, "to", "last `day` YYYYMMDD")
	s.flags.StringVar(&s.subject, "subject", "", "whose statement: a person's token, a card's first 8 digits of the issuer id and last 16 of the number, in `hex`")
	s.flags.StringVar(&s.account, "account", "", "add what the subject has on the account with this `code`")
	s.command.check = func() error {
		if whose, err := hex.DecodeString(s.subject); err != nil || len(whose) == 0 {
			return language.Textf("--subject %q: want hex digits, two a byte", s.subject)
		}
		return s.past.check()
	}
	return s.reads(s.print)
}

func (s *statement) print(ctx context.Context, b *books.Books) error {
	asOf := s.asOf()
	whose, err := hex.DecodeString(s.subject)
	if err == nil {
		err = knownDay(ctx, b.Ledger, asOf.Day)
	}
	if err != nil {
		return err
	}
	accounts, err := b.Accounts(ctx)
	if err != nil {
		return err
	}
	account, known := accounts.Account(s.account)
	if s.account != "" && !known {
		return noAccount(s.account)
	}
	due, err := valueDates(ctx, b, ledger.Subject(whose))
	if err != nil {
		return err
	}
	return list(s.command, statementHeader, statementLine.cells, func(add func(statementLine) error) error {
		first, last := s.days()
		err := shadow.StatementAsOf(ctx, b.Ledger, ledger.Subject(whose), first, last, asOf, func(r ledger.Row) error {
			line := statementLine{
				Day: r.Day.String(), ID: hex.EncodeToString([]byte(r.ID)), Act: r.Act.String(), Amount: r.Amount, Purpose: uint16(r.Purpose),
				Reason: r.Reason, Booked: r.BookingDay.String(),
			}
			if r.IsMemo() {
				line.Act = r.Kind
			} else {
				line.Debit, line.Credit, line.Due = books.CodeOf(accounts, r.Debit), books.CodeOf(accounts, r.Credit), due(r)
			}
			return add(line)
		})
		if err != nil || s.account == "" {
			return err
		}
		balance, err := shadow.Balance(ctx, b.Ledger, account.ID, ledger.Subject(whose), asOf)
		if err != nil {
			return err
		}
		return add(statementLine{Credit: s.account, Balance: &balance})
	})
}

// valueDates finds the value date of a row that pays an operator, "" of any other row and where it
// is not known. Only an operator's statement reads the rules.
func valueDates(ctx context.Context, b *books.Books, whose ledger.Subject) (func(ledger.Row) string, error) {
	none := func(ledger.Row) string { return "" }
	if !strings.HasPrefix(string(whose), chart.Operator("")) {
		return none, nil
	}
	set, err := (&rules.Store{Ledger: b.Ledger}).InForce(ctx)
	if errors.Is(err, rules.ErrEmpty) {
		return none, nil
	}
	if err != nil {
		return nil, err
	}
	operator := ledger.IDOfCode(string(whose))
	return func(r ledger.Row) string {
		if r.Purpose != chart.PurposeSettlement || r.Debit != operator {
			return ""
		}
		day, err := set.ValueDate(r.Day)
		if err != nil {
			return "" // the calendar does not reach that far
		}
		return day.String()
	}, nil
}
