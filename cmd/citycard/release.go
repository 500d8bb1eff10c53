package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/release"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

// decision is what the commands share by which two people decide about money that
// waits.
type decision struct {
	service.Common
	database              string
	first, second, reason string
	zone                  service.Zone
}

func (d *decision) register(flags *flag.FlagSet) {
	d.Common = service.Common{Data: "citycard-data"}
	d.Register(flags)
	service.RegisterDatabase(flags, &d.database, "`URL` of the database; empty: the data directory's / 数据库地址")
	flags.StringVar(&d.first, "by", "", "`name` of who asks for it / 申请人")
	flags.StringVar(&d.second, "and", "", "`name` of who agrees, somebody else / 批准人")
	flags.StringVar(&d.reason, "reason", "", "`text` that is kept with it / 原因")
	flags.Var(&d.zone, "zone", "time `zone` of days / 时区")
}

func (d *decision) approval() ledger.Approval {
	return ledger.Approval{First: d.first, Second: d.second, Reason: d.reason, At: time.Now().In(d.zone.Location())}
}

// twoPeople says what an approval lacks, before anything is begun.
func twoPeople(by ledger.Approval) error {
	var missing *ledger.BatchError
	if err := by.Validate(); errors.As(err, &missing) {
		return errors.New(missing.What)
	} else if err != nil {
		return err
	}
	return nil
}

// run opens the books, has one decision booked and says what stands there then.
func (d *decision) run(ctx context.Context, args []string, what string, act func(*release.Office) (release.Done, error)) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	b, done, err := books.ToBook(ctx, d.database, d.Data, d.Logger())
	if err != nil {
		return err
	}
	office, err := newOffice(b)
	if err != nil {
		return firstOf(err, done())
	}
	booked, err := act(office)
	if refusal := (*release.Refusal)(nil); errors.As(err, &refusal) {
		err = service.Refuse("nothing was booked / 未入账", refusal.Todo, refusal)
	}
	if err := firstOf(err, done()); err != nil {
		return err
	}
	for _, part := range booked.Parts {
		fmt.Printf("%s -> %s %s\n", part.Debit, part.Credit, part.Fen.String())
	}
	if booked.Repeated {
		fmt.Println("booked before; nothing changed / 此前已入账")
		return nil
	}
	fmt.Printf("%s, by %s and %s / 已入账\n", what, d.first, d.second)
	return nil
}

func newOffice(b *books.Books) (*release.Office, error) {
	rules, err := load.ParseRules(load.ExampleJSON())
	if err != nil {
		return nil, err
	}
	return &release.Office{Ledger: b.Ledger, Owner: server.OwnerName(), RefundAfterDays: rules.On(ledger.DayOf(time.Now())).RefundAfterDays}, nil
}

func loadCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "load", ShortUsage: "citycard load refund [flags]", ShortHelp: "loads that were paid for / 圈存订单",
		FlagSet: flag.NewFlagSet("citycard load", flag.ContinueOnError), Subcommands: []*ffcli.Command{loadRefundCommand()},
		Exec: func(context.Context, []string) error { return flag.ErrHelp },
	}
}

func loadRefundCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard load refund", flag.ContinueOnError)
	var d decision
	d.register(flags)
	var card cardNumber
	card.register(flags)
	order := flags.String("order", "", "the channel's order `number` / 订单号")
	channel := flags.String("channel", "", "channel `ID`, where two have the order number / 渠道")
	sequence := flags.Int("sequence", -1, "the card's online `sequence`, where several orders have the number / 联机交易序号")
	notWritten := flags.Bool("not-written", false, "the counter has looked at the card: it does not have the load / 柜台已核实未写卡")
	return &ffcli.Command{
		Name:       "refund",
		ShortUsage: "citycard load refund --card DIGITS --order NUMBER [--not-written] --by NAME --and NAME --reason TEXT [flags]",
		ShortHelp:  "give a load that no card has back to its channel, by two people / 双人退还未写卡圈存",
		LongHelp: "Without --not-written the load must have been paid for as long as the rules say. A load that is written after\n" +
			"its refund is suspended as load_not_paid; citycard suspense release has the channel owe it again. Nothing is refunded\n" +
			"while a record of a written load is in quarantine, or is unread in a stream that a day was closed without.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			r := release.Refund{Order: *order, Channel: *channel, NotWritten: *notWritten, By: d.approval()}
			if _, err := card.parse(); err != nil {
				return err
			}
			if *order == "" {
				return service.Exit(service.ExitUsage, errors.New("--order is missing: want the channel's order number / 缺少订单号"))
			}
			if *sequence > math.MaxUint16 {
				return service.Exit(service.ExitUsage, fmt.Errorf("--sequence %d: want at most %d", *sequence, math.MaxUint16))
			}
			if *sequence >= 0 {
				online := uint16(*sequence)
				r.Sequence = &online
			}
			return d.run(ctx, args, "order "+*order+" refunded", func(office *release.Office) (release.Done, error) {
				cards, _, err := card.find(ctx, office.Ledger)
				if err != nil {
					return release.Done{}, err
				}
				r.Card = cards[0] // only a registered card's loads are paid for
				return office.Refund(ctx, r)
			})
		},
	}
}

func suspenseCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "suspense", ShortUsage: "citycard suspense <list|release> [flags]", ShortHelp: "money whose payee is open / 挂账处理",
		FlagSet:     flag.NewFlagSet("citycard suspense", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{suspenseListCommand(), suspenseReleaseCommand()},
		Exec:        func(context.Context, []string) error { return flag.ErrHelp },
	}
}

func suspenseReleaseCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard suspense release", flag.ContinueOnError)
	var d decision
	d.register(flags)
	row := flags.String("row", "", "`row` as citycard suspense list shows it / 挂账分录")
	to := flags.String("to", "", "`account`: operator:ID or channel:ID; pending:OPERATOR for another city's tap; for a load the channel that owes it / 转入账户")
	return &ffcli.Command{
		Name:       "release",
		ShortUsage: "citycard suspense release --row ROW --to ACCOUNT --by NAME --and NAME --reason TEXT [flags]",
		ShortHelp:  "release one suspended transfer, by two people / 双人解除挂账",
		FlagSet:    flags,
		Exec: func(ctx context.Context, args []string) error {
			key, err := release.ParseRow(*row)
			if err != nil {
				return service.Exit(service.ExitUsage, fmt.Errorf("--row: %w", err))
			}
			r := release.Release{Row: key, To: *to, By: d.approval()}
			return d.run(ctx, args, "released to "+*to, func(office *release.Office) (release.Done, error) { return office.Release(ctx, r) })
		},
	}
}

// suspendedLine is a suspended transfer as it is printed.
type suspendedLine struct {
	Row      string         `json:"row"`
	Reason   verdict.Reason `json:"reason"`
	Fen      ledger.Fen     `json:"fen"` // below zero: the suspense account is owed it
	Booked   string         `json:"booked"`
	Released bool           `json:"released"`
	Foreign  bool           `json:"foreign"` // another city's, never verified
}

func (s suspendedLine) text() string {
	state := "waits / 待处理"
	if s.Released {
		state = "released / 已解除"
	}
	if s.Foreign {
		state += "; foreign, unverified / 外地卡，未验证"
	}
	return strings.Join([]string{s.Row, string(s.Reason), s.Fen.String(), s.Booked, state}, "\t")
}

const suspendedHeader = "ROW 分录\tREASON 原因\tYUAN 元\tBOOKED 清算日\tSTATE 状态"

func suspenseListCommand() *ffcli.Command {
	l, flags := newLook("suspense list")
	var from, to books.Day
	flags.Var(&from, "from", "first clearing `day` YYYYMMDD / 起始日")
	flags.Var(&to, "to", "last clearing `day` YYYYMMDD / 结束日")
	reason := flags.String("reason", "", "reason `code`, such as unknown_terminal / 原因码")
	all := flags.Bool("all", false, "what was released, too / 包括已解除")
	return &ffcli.Command{
		Name: "list", ShortUsage: "citycard suspense list --from DAY --to DAY [--reason CODE] [--all] [flags]",
		ShortHelp: "what was suspended in these clearing days and still waits / 挂账明细", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if from == 0 || to == 0 || from > to {
				return service.Exit(service.ExitUsage, fmt.Errorf("--from %s --to %s: want two days, the first not after the last", from.String(), to.String()))
			}
			return l.books(ctx, args, func(books *ledger.Ledger) error {
				out := newSheet(os.Stdout, l.asJSON, suspendedHeader, suspendedLine.text)
				office := &release.Office{Ledger: books}
				err := office.List(ctx, ledger.Day(from), ledger.Day(to), func(s release.Suspended) error {
					if s.Released && !*all || *reason != "" && string(s.Reason) != *reason {
						return nil
					}
					line := suspendedLine{release.RowName(s.Row), s.Reason, s.Fen, s.Booked.String(), s.Released, s.Foreign}
					if s.Owed {
						line.Fen = -line.Fen
					}
					return out.add(line)
				})
				return firstOf(err, out.close())
			})
		},
	}
}
