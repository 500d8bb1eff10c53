package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/peterbourgon/ff/v3/ffcli"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
)

// ruled is a tap or load as the books have it.
type ruled struct {
	Verdict  string         `json:"verdict"`
	Reason   verdict.Reason `json:"reason,omitempty"`
	Purpose  string         `json:"purpose,omitempty"`
	Fen      ledger.Fen     `json:"fen"`
	Card     string         `json:"card,omitempty"`
	Time     string         `json:"time,omitempty"` // as signed, YYYYMMDDhhmmss
	Terminal string         `json:"terminal,omitempty"`
	What     string         `json:"what,omitempty"`     // it is, where it is neither tap nor load
	Sequence uint32         `json:"sequence,omitempty"` // the SAM's for a tap, the card's for a load
	Payee    string         `json:"payee,omitempty"`
	Booked   string         `json:"booked"`          // clearing day
	Error    string         `json:"error,omitempty"` // of what is kept alone
	Evidence string         `json:"evidence_hex"`
}

// tapQuery is what taps are looked up by; empty fields match everything.
type tapQuery struct {
	card     cardNumber
	terminal string
	reason   string
	verdict  string
	from, to books.Day
	limit    int
	asJSON   bool
	database string
	service.Common
}

func tapCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "tap", ShortUsage: "citycard tap <show|find> [flags]", ShortHelp: "look verdicts up / 查询交易结果",
		FlagSet:     flag.NewFlagSet("citycard tap", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{tapShowCommand(), tapFindCommand()},
		Exec:        func(context.Context, []string) error { return flag.ErrHelp },
	}
}

func (q *tapQuery) register(flags *flag.FlagSet) {
	q.Common = service.Common{Data: "citycard-data"}
	q.Register(flags)
	service.RegisterDatabase(flags, &q.database, "`URL` of the database; empty: the data directory's / 数据库地址")
	flags.Var(&q.from, "from", "first `day` YYYYMMDD; empty: 30 days before the last / 起始日")
	flags.Var(&q.to, "to", "last `day` YYYYMMDD; empty: the newest that the books have / 结束日")
	flags.BoolVar(&q.asJSON, "json", false, "one JSON object a line / 输出 JSON")
}

func tapShowCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard tap show", flag.ContinueOnError)
	q := &tapQuery{}
	q.register(flags)
	q.card.register(flags)
	return &ffcli.Command{
		Name: "show", ShortUsage: "citycard tap show --card DIGITS [--from DAY] [--to DAY] [flags]",
		ShortHelp: "what became of a card's taps and loads, by signed day / 按卡查询", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if _, err := q.card.parse(); err != nil {
				return err
			}
			return q.run(ctx, args, q.show)
		},
	}
}

func tapFindCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard tap find", flag.ContinueOnError)
	q := &tapQuery{}
	q.register(flags)
	flags.StringVar(&q.terminal, "terminal", "", "SAM terminal number, 12 `digits` / 终端号")
	flags.StringVar(&q.reason, "reason", "", "reason `code`, such as unknown_terminal / 原因码")
	flags.StringVar(&q.verdict, "verdict", "", "`verdict`: cleared, pending, suspended, disputed, rejected, quarantined / 结果")
	flags.IntVar(&q.limit, "limit", 1000, "how many at most / 最多条数")
	return &ffcli.Command{
		Name: "find", ShortUsage: "citycard tap find [--terminal DIGITS] [--reason CODE] [--verdict VERDICT] [--from DAY] [--to DAY] [flags]",
		ShortHelp: "taps and loads by terminal, reason or verdict, by clearing day / 按终端、原因或结果查询",
		LongHelp:  "Reads through the whole of the days named, in constant memory.", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error { return q.run(ctx, args, q.find) },
	}
}

// run opens the books and prints what look finds.
func (q *tapQuery) run(ctx context.Context, args []string, look func(context.Context, *tapReader) error) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if err := q.check(); err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	b, done, err := books.ToRead(ctx, q.database, q.Data, q.Logger())
	if err != nil {
		return err
	}
	r := &tapReader{books: b, booked: docket.NewReader(), out: newTapWriter(os.Stdout, q.asJSON)}
	if err = q.complete(ctx, b.Ledger); err == nil {
		r.accounts, err = b.Accounts(ctx)
	}
	if err == nil {
		err = look(ctx, r)
	}
	return firstOf(firstOf(err, r.out.close()), done())
}

// usualDays is how many days before the last one are looked at where no first one is given.
const usualDays = 30

// complete fills in the days that were not given. A card may have signed a day ahead of the
// clearing day.
func (q *tapQuery) complete(ctx context.Context, b *ledger.Ledger) error {
	if q.to == 0 {
		days, err := b.Days(ctx)
		if err != nil || len(days) == 0 {
			return err
		}
		q.to = books.Day(days[len(days)-1].Day.Next())
	}
	if q.from == 0 {
		q.from = books.Day(ledger.Day(q.to).Add(-usualDays))
	}
	return q.check()
}

func (q *tapQuery) check() error {
	if q.from != 0 && q.to != 0 && q.from > q.to {
		return fmt.Errorf("--from %s --to %s: want two days, the first not after the last", q.from.String(), q.to.String())
	}
	if _, err := hex.DecodeString(q.terminal); q.terminal != "" && (err != nil || len(q.terminal) != 12) {
		return fmt.Errorf("--terminal %q: want 12 digits", q.terminal)
	}
	if _, known := verdict.Explain(verdict.Reason(q.reason)); q.reason != "" && !known {
		return fmt.Errorf("--reason %q is not a reason code", q.reason)
	}
	return nil
}

func (q *tapQuery) show(ctx context.Context, r *tapReader) error {
	cards, known, err := q.card.find(ctx, r.books.Ledger)
	if err != nil {
		return err
	}
	var items []ruled
	for _, card := range cards {
		err := r.books.Statement(ctx, card.Subject(), ledger.Day(q.from), ledger.Day(q.to), func(row ledger.Row) error {
			if item, ok := r.read(&row); ok {
				items = append(items, item)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(items) == 0 {
		return q.nothing(known)
	}
	slices.SortStableFunc(items, func(a, b ruled) int { return strings.Compare(a.Time, b.Time) })
	for _, item := range items {
		if err := r.out.write(item); err != nil {
			return err
		}
	}
	return nil
}

// nothing says that a card has nothing in the days looked at, and of one that nobody knows that
// too: the number may be wrong.
func (q *tapQuery) nothing(known bool) error {
	if !known {
		return service.Fail("no card "+q.card.number+" is registered, and nothing is booked for it from "+q.from.String()+" to "+q.to.String()+" / 卡未登记,且该期间无记录",
			"check --card and the days", nil)
	}
	q.Say("nothing of card " + q.card.number + " from " + q.from.String() + " to " + q.to.String() + " / 该期间无记录")
	return nil
}

// errEnough ends a search at its limit.
var errEnough = errors.New("limit reached")

func (q *tapQuery) find(ctx context.Context, r *tapReader) error {
	found := 0
	each := func(row ledger.Row) error {
		item, ok := r.read(&row)
		if !ok || !q.matches(item) {
			return nil
		}
		if found++; found > q.limit {
			return errEnough
		}
		return r.out.write(item)
	}
	err := r.books.Scan(ctx, ledger.Day(q.from), ledger.Day(q.to), each)
	if err == nil {
		err = r.books.ScanMemos(ctx, ledger.Day(q.from), ledger.Day(q.to), each)
	}
	if found > q.limit {
		q.Say(fmt.Sprintf("more than %d; narrow the search or raise --limit / 结果过多", q.limit))
		return nil
	}
	return err
}

func (q *tapQuery) matches(item ruled) bool {
	return (q.terminal == "" || strings.EqualFold(item.Terminal, q.terminal)) &&
		(q.reason == "" || string(item.Reason) == q.reason) && (q.verdict == "" || item.Verdict == q.verdict)
}

// tapReader turns rows into verdicts.
type tapReader struct {
	books    *books.Books
	accounts *ledger.Chart
	booked   *docket.Reader
	out      *tapWriter
}

// read reads a row of the journal; ok is false where it is neither tap nor load.
func (r *tapReader) read(row *ledger.Row) (item ruled, ok bool) {
	booked, ok := r.booked.Row(row)
	if !ok {
		return ruled{}, false
	}
	item = ruled{
		Verdict: booked.Verdict.String(), Reason: booked.Reason, Purpose: booked.Purpose, Error: booked.Cause,
		Booked: row.BookingDay.String(), Fen: row.Amount, Evidence: hex.EncodeToString(row.Evidence),
	}
	if !row.IsMemo() {
		payee, _ := r.accounts.ByID(row.Credit)
		item.Payee = payee.Code
	}
	return item, r.readEvidence(row, &item, booked.Verdict)
}

// readEvidence reads what the record says. Evidence that is neither tap nor load is shown where
// it was rejected, disputed or kept alone, and named as far as it can be.
func (r *tapReader) readEvidence(row *ledger.Row, item *ruled, is verdict.Verdict) bool {
	var tap message.Tap
	if err := proto.Unmarshal(row.Evidence, &tap); err == nil && len(tap.GetDebit().GetCard()) == len(index.Number{}) {
		d := tap.GetDebit()
		item.Card, item.Time = hex.EncodeToString(d.GetCard()), hex.EncodeToString(d.GetTime())
		item.Terminal, item.Sequence = hex.EncodeToString(d.GetTerminal()), d.GetTerminalSequence()
		return true
	}
	var load message.Load
	if err := proto.Unmarshal(row.Evidence, &load); err == nil && len(load.GetCard()) == len(index.Number{}) {
		item.Card, item.Time = hex.EncodeToString(load.GetCard()), hex.EncodeToString(load.GetTime())
		item.Terminal, item.Sequence = hex.EncodeToString(load.GetTerminal()), load.GetOnlineSequence()
		return true
	}
	item.What = r.nameOf(row)
	return is == verdict.Rejected || is == verdict.Quarantined || is == verdict.Disputed
}

// tapWriter prints verdicts, as a table or as JSON lines.
type tapWriter struct {
	table *tabwriter.Writer
	lines *json.Encoder
}

func newTapWriter(out io.Writer, asJSON bool) *tapWriter {
	if asJSON {
		return &tapWriter{lines: json.NewEncoder(out)}
	}
	w := &tapWriter{table: tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)}
	fmt.Fprintln(w.table, "TIME 时间\tCARD OR WHAT 卡号或事项\tTERMINAL 终端\tSEQ 序号\tYUAN 元\tVERDICT 结果\tREASON 原因\tPAYEE 收款方\tBOOKED 清算日")
	return w
}

func (w *tapWriter) write(item ruled) error {
	if w.lines != nil {
		return w.lines.Encode(item)
	}
	what := item.Card
	if what == "" {
		what = item.What
	}
	_, err := fmt.Fprintf(w.table, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", item.Time, what, item.Terminal, item.Sequence,
		item.Fen.String(), item.Verdict, item.Reason, item.Payee, item.Booked)
	return err
}

func (w *tapWriter) close() error {
	if w.table == nil {
		return nil
	}
	return w.table.Flush()
}
