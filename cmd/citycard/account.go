package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
)

// look is what the commands share that look into the books: where they are, and as of when.
type look struct {
	service.Common
	database string
	asJSON   bool
	day      books.Day
	at       moment
}

func newLook(name string) (*look, *flag.FlagSet) {
	flags := flag.NewFlagSet("citycard "+name, flag.ContinueOnError)
	l := &look{Common: service.Common{Data: "citycard-data"}}
	l.Register(flags)
	service.RegisterDatabase(flags, &l.database, "`URL` of the database; empty: the data directory's / 数据库地址")
	flags.BoolVar(&l.asJSON, "json", false, "print for machines / 输出 JSON")
	return l, flags
}

// registerMoment adds the flags that ask for a past moment.
func (l *look) registerMoment(flags *flag.FlagSet) {
	flags.Var(&l.day, "day", "as it was at the end of the clearing `day` YYYYMMDD; empty: now / 截至清算日")
	flags.Var(&l.at, "at", "as it was at a `time` such as 2026-01-05T12:00:00+08:00; empty: now / 截至时刻")
}

func (l *look) asOf() (ledger.AsOf, error) {
	if l.day != 0 && !l.at.IsZero() {
		return ledger.AsOf{}, service.Exit(service.ExitUsage, errors.New("--day and --at exclude each other / 不可同时给出"))
	}
	return ledger.AsOf{Day: ledger.Day(l.day), At: l.at.Time}, nil
}

// books opens the books to read, runs fn and closes them.
func (l *look) books(ctx context.Context, args []string, fn func(*ledger.Ledger) error) error {
	return l.within(ctx, args, books.ToRead, fn)
}

// act opens the books to book something, runs fn and closes them.
func (l *look) act(ctx context.Context, args []string, fn func(*ledger.Ledger) error) error {
	return l.within(ctx, args, books.ToBook, fn)
}

func (l *look) within(ctx context.Context, args []string, open books.Opener, fn func(*ledger.Ledger) error) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	b, done, err := open(ctx, l.database, l.Data, l.Logger())
	if err != nil {
		return err
	}
	if _, err = b.Accounts(ctx); err == nil {
		err = fn(b.Ledger)
	}
	return errors.Join(err, done())
}

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
		return fmt.Errorf("%q is not a time such as 2026-01-05T12:00:00+08:00", text)
	}
	m.Time = parsed
	return nil
}

// sheet prints items one by one, as a table or as one JSON object a line, so that it needs no memory for many.
type sheet[T any] struct {
	encoder *json.Encoder
	table   *tabwriter.Writer
	line    func(T) string
}

func newSheet[T any](w io.Writer, asJSON bool, header string, line func(T) string) *sheet[T] {
	if asJSON {
		return &sheet[T]{encoder: json.NewEncoder(w)}
	}
	s := &sheet[T]{table: tabwriter.NewWriter(w, 0, 4, 2, ' ', 0), line: line}
	fmt.Fprintln(s.table, header)
	return s
}

func (s *sheet[T]) add(item T) error {
	if s.encoder != nil {
		return s.encoder.Encode(item)
	}
	_, err := fmt.Fprintln(s.table, s.line(item))
	return err
}

func (s *sheet[T]) close() error {
	if s.encoder != nil {
		return nil
	}
	return s.table.Flush()
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

func (a accountLine) text() string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%v\t%v\t%v\t%v\t%v", a.Code, a.Kind, a.Owner, a.Flags, a.Debits, a.Credits, a.Held, a.Balance, a.Available)
}

const accountHeader = "ACCOUNT 账户\tKIND 类别\tOWNER 所有者\tFLAGS 标志\tDEBITS 借\tCREDITS 贷\tHELD 冻结\tBALANCE 余额\tAVAILABLE 可用"

func accountCommand() *ffcli.Command {
	l, flags := newLook("account")
	l.registerMoment(flags)
	code := flags.String("code", "", "`code` of the account; suspense: stands for all whose codes begin so; empty: all of them / 账户代码,以冒号结尾表示一类")
	notZero := flags.Bool("not-zero", false, "only those on which something is left / 仅列余额不为零")
	return &ffcli.Command{
		Name: "account", ShortUsage: "citycard account [--code CODE] [flags] | citycard account limit [flags]",
		ShortHelp: "accounts and what is on them / 账户余额",
		LongHelp:  "Amounts are in yuan, with --json in fen. What is held is known of now only.", FlagSet: flags,
		Subcommands: []*ffcli.Command{accountLimitCommand()},
		Exec: func(ctx context.Context, args []string) error {
			asOf, err := l.asOf()
			if err != nil {
				return err
			}
			return l.books(ctx, args, func(books *ledger.Ledger) error { return l.accounts(ctx, books, *code, *notZero, asOf) })
		},
	}
}

func (l *look) accounts(ctx context.Context, books *ledger.Ledger, code string, notZero bool, asOf ledger.AsOf) error {
	if err := knownDay(ctx, books, asOf.Day); err != nil {
		return err
	}
	chart, err := books.Accounts(ctx)
	if err != nil {
		return err
	}
	accounts := slices.DeleteFunc(chart.All(), func(a ledger.Account) bool {
		return code != "" && a.Code != code && !(strings.HasSuffix(code, ":") && strings.HasPrefix(a.Code, code))
	})
	if len(accounts) == 0 && code != "" {
		return service.Fail("no account "+code+" / 没有该账户", `"citycard account" lists them`, ledger.ErrNoAccount)
	}
	out := newSheet(os.Stdout, l.asJSON, accountHeader, accountLine.text)
	for _, a := range accounts {
		var sums ledger.Sums
		if asOf == (ledger.AsOf{}) {
			sums, err = books.Balance(ctx, a.Code)
		} else {
			sums, err = books.BalanceAsOf(ctx, a.Code, asOf)
		}
		if err != nil {
			return err
		}
		if notZero && sums.CreditBalance() == 0 {
			continue
		}
		line := accountLine{
			Code: a.Code, Kind: a.Kind, Owner: a.Owner, Flags: a.Flags.String(), Debits: sums.Debits, Credits: sums.Credits, Held: sums.DebitsHeld,
			Balance: sums.CreditBalance(), Available: sums.Available() + a.Cap, Cap: a.Cap, Alarm: a.Alarm,
		}
		if err = out.add(line); err != nil {
			return err
		}
	}
	return out.close()
}
