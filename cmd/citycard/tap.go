package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// ruled is a tap or load as recorded in the books.
type ruled struct {
	Verdict  string         `json:"verdict"`
	Reason   verdict.Reason `json:"reason,omitempty"`
	Purpose  string         `json:"purpose,omitempty"`
	Fen      ledger.Fen     `json:"fen"`
	Card     string         `json:"card,omitempty"`
	Time     string         `json:"time,omitempty"` // as signed, YYYYMMDDhhmmss
	Terminal string         `json:"terminal,omitempty"`
	What     string         `json:"what,omitempty"`     // what it is, if neither tap nor load
	Sequence uint32         `json:"sequence,omitempty"` // the SAM's for a tap, the card's for a load
	Payee    string         `json:"payee,omitempty"`
	Charge   *charge        `json:"charge,omitempty"` // with --flagged
	Marks    []string       `json:"marks,omitempty"`  // of the terminal, on the fault under which it took the card
	Update   *deskUpdate    `json:"update,omitempty"` // what a desk says of a correction
	Booked   string         `json:"booked"`           // clearing day
	Error    string         `json:"error,omitempty"`  // of what is kept alone
	Evidence string         `json:"evidence_hex"`

	verdict verdict.Verdict
	what    *language.Text // What, for people; nil for a tap or a load
}

// tapQuery is a command that searches for taps; its empty fields match everything.
type tapQuery struct {
	*command
	card     cardNumber
	terminal string
	reason   string
	verdict  string
	marked   bool
	flagged  bool
	span
	limit int
}

func tapCommand() *ffcli.Command {
	return group("tap", "look verdicts, exit tickets and cash of desks up, and close taps of which no TAC came", "", tapShowCommand(), tapFindCommand(), tapUnconfirmedCommand(), tapResolveCommand(), tapExitsCommand(), tapCashCommand())
}

func newTapQuery(name, usage, short, long string) *tapQuery {
	q := &tapQuery{command: newCommand(name, usage+" [--from DAY] [--to DAY]", short, long)}
	q.flags.Var(&q.from, "from", "first `day` YYYYMMDD; empty: 30 days before the last")
	q.flags.Var(&q.to, "to", "last `day` YYYYMMDD; empty: the newest that the books have")
	q.registerJSON(jsonLines)
	q.command.check = q.check
	return q
}

func tapShowCommand() *ffcli.Command {
	q := newTapQuery("tap show", "--card DIGITS", "what became of a card's taps and loads, by signed day", "")
	q.card.register(q.flags)
	q.command.check = func() error {
		if _, err := q.card.parse(); err != nil {
			return err
		}
		return q.check()
	}
	return q.looks(q.show)
}

func tapFindCommand() *ffcli.Command {
	q := newTapQuery("tap find", "[--terminal DIGITS] [--reason CODE] [--verdict VERDICT] [--marked] [--flagged]",
		"taps and loads by terminal, reason or verdict, by clearing day",
		"Reads through the whole of the days named; with --json in constant memory, however large --limit is.")
	q.flags.StringVar(&q.terminal, "terminal", "", "SAM terminal number, 12 `digits`")
	q.flags.StringVar(&q.reason, "reason", "", "reason `code`, such as unknown_terminal")
	q.flags.StringVar(&q.verdict, "verdict", "", "`verdict`: cleared, pending, suspended, disputed, rejected, quarantined, unconfirmed, noted")
	q.flags.BoolVar(&q.marked, "marked", false, "only taps that the terminal took under a fault of its own")
	q.flags.BoolVar(&q.flagged, "flagged", false, "only cleared and pending taps whose fare is not that of the table, with both amounts")
	q.flags.IntVar(&q.limit, "limit", 1000, "the greatest `number` of results")
	return q.looks(q.find)
}

const tapHeader = "TIME\tCARD OR WHAT\tTERMINAL\tSEQ\t>YUAN\tVERDICT\tREASON\tPAYEE\tBOOKED\tMARKS"

func (item ruled) cells(l language.Language) []string {
	what := item.Card
	switch {
	case item.what != nil:
		what = item.what.In(l)
	case item.Update != nil:
		what = item.Update.of(item.Card).In(l)
	}
	return []string{
		item.Time, what, item.Terminal, fmt.Sprint(item.Sequence), item.Fen.String(), item.verdict.In(l), item.Reason.In(l),
		item.Payee, item.Booked, strings.Join(item.marks(l), ", "),
	}
}

// marks are the tap's marks in words.
func (item ruled) marks(l language.Language) (words []string) {
	for _, mark := range item.Marks {
		switch mark {
		case message.Mark_MARK_BEHIND.String():
			words = append(words, language.Textf("lists old").In(l))
		case message.Mark_MARK_CLOCK.String():
			words = append(words, language.Textf("clock unsure").In(l))
		default:
			words = append(words, mark)
		}
	}
	return words
}

// looks makes the command print the results of look.
func (q *tapQuery) looks(look func(context.Context, *tapReader, func(ruled) error) error) *ffcli.Command {
	return q.reads(func(ctx context.Context, b *books.Books) error {
		if err := q.usual(ctx, b.Ledger); err != nil {
			return err
		}
		accounts, err := b.Accounts(ctx)
		if err != nil {
			return err
		}
		r := &tapReader{books: b, accounts: accounts, booked: docket.NewReader()}
		header, cells := tapHeader, ruled.cells
		if q.flagged {
			header, cells = chargeHeader, ruled.chargeCells
			if err := r.readTables(ctx); err != nil {
				return err
			}
		}
		return list(q.command, header, cells, func(add func(ruled) error) error { return look(ctx, r, add) })
	})
}

// usualDays is the number of days before the last one that are searched if no first day is given.
const usualDays = 30

// usual fills in the days that were not given. A card may have signed a date one day after the
// clearing day.
func (s *span) usual(ctx context.Context, b *ledger.Ledger) error {
	if s.to == 0 {
		days, err := b.Days(ctx)
		if err != nil || len(days) == 0 {
			return err
		}
		s.to = books.Day(days[len(days)-1].Day.Next())
	}
	if s.from == 0 {
		s.from = books.Day(ledger.Day(s.to).Add(-usualDays))
	}
	return s.checkGiven()
}

// checkGiven checks the days that were given.
func (s *span) checkGiven() error {
	if s.from != 0 && s.to != 0 {
		return s.check()
	}
	return nil
}

func (q *tapQuery) check() error {
	if err := q.checkGiven(); err != nil {
		return err
	}
	if _, err := hex.DecodeString(q.terminal); q.terminal != "" && (err != nil || len(q.terminal) != 12) {
		return language.Textf("--terminal %q: want 12 digits", q.terminal)
	}
	if _, known := verdict.Explain(verdict.Reason(q.reason)); q.reason != "" && !known {
		return language.Textf("--reason %q is not a reason code", q.reason)
	}
	return nil
}

func (q *tapQuery) show(ctx context.Context, r *tapReader, add func(ruled) error) error {
	cards, known, err := q.card.find(ctx, r.books.Ledger)
	if err != nil {
		return err
	}
	var items []ruled
	for _, card := range cards {
		err := shadow.Statement(ctx, r.books.Ledger, card.Subject(), ledger.Day(q.from), ledger.Day(q.to), func(row ledger.Row) error {
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
		if err := add(item); err != nil {
			return err
		}
	}
	return nil
}

// nothing says that a card has no records in the days searched. For an unknown card it adds that,
// since the number may be wrong.
func (q *tapQuery) nothing(known bool) error {
	if !known {
		return service.Fail("no card %s is registered, and nothing is booked for it from %s to %s", q.card.number, q.from.String(), q.to.String()).Todo("check --card and the days")
	}
	q.Say("nothing of card %s from %s to %s", q.card.number, q.from.String(), q.to.String())
	return nil
}

// errEnough ends a search at its limit.
var errEnough = errors.New("limit reached")

func (q *tapQuery) find(ctx context.Context, r *tapReader, add func(ruled) error) error {
	found := 0
	each := func(row ledger.Row) error {
		item, ok := r.read(&row)
		if !ok || !q.matches(item) {
			return nil
		}
		if q.flagged && !r.flags(&row, &item) {
			if wrong, err := r.claimsFalsely(ctx, &row, &item); err != nil || !wrong {
				return err
			}
		}
		if found++; found > q.limit {
			return errEnough
		}
		return add(item)
	}
	err := r.books.Scan(ctx, ledger.Day(q.from), ledger.Day(q.to), each)
	if err == nil {
		err = r.books.ScanMemos(ctx, ledger.Day(q.from), ledger.Day(q.to), each)
	}
	if found > q.limit {
		q.Say("more than %d; narrow the search or raise --limit", q.limit)
		return nil
	}
	return err
}

func (q *tapQuery) matches(item ruled) bool {
	return (q.terminal == "" || strings.EqualFold(item.Terminal, q.terminal)) &&
		(q.reason == "" || string(item.Reason) == q.reason) && (q.verdict == "" || item.Verdict == q.verdict) && (!q.marked || len(item.Marks) > 0)
}

// tapReader turns rows into verdicts.
type tapReader struct {
	books    *books.Books
	accounts *ledger.Chart
	booked   *docket.Reader
	tables   *tables // to price by; nil: nothing is priced
}

// read reads a row of the journal; ok is false where it is neither tap nor load.
func (r *tapReader) read(row *ledger.Row) (item ruled, ok bool) {
	booked, ok := r.booked.Row(row)
	if !ok {
		return ruled{}, false
	}
	item = ruled{
		Verdict: booked.Verdict.String(), verdict: booked.Verdict, Reason: booked.Reason, Purpose: booked.Purpose, Error: booked.Cause,
		Booked: row.BookingDay.String(), Fen: row.Amount, Evidence: hex.EncodeToString(row.Evidence),
	}
	if !row.IsMemo() {
		payee, _ := r.accounts.ByID(row.Credit)
		item.Payee = payee.Code
	}
	return item, r.readEvidence(row, &item, booked.Verdict)
}

// readEvidence reads the record. Evidence that is neither tap nor load is shown if it was rejected,
// disputed or quarantined, and its kind is named if it can be told.
func (r *tapReader) readEvidence(row *ledger.Row, item *ruled, is verdict.Verdict) bool {
	if is == verdict.Noted {
		return item.readTicket(row.Evidence)
	}
	var tap message.Tap
	if err := proto.Unmarshal(row.Evidence, &tap); err == nil && len(tap.GetDebit().GetCard()) == len(index.Number{}) {
		d := tap.GetDebit()
		item.Card, item.Time = hex.EncodeToString(d.GetCard()), hex.EncodeToString(d.GetTime())
		item.Terminal, item.Sequence = hex.EncodeToString(d.GetTerminal()), d.GetTerminalSequence()
		item.Update = updateOf(&tap)
		for _, mark := range tap.GetMarks() {
			item.Marks = append(item.Marks, mark.String())
		}
		return true
	}
	var load message.Load
	if err := proto.Unmarshal(row.Evidence, &load); err == nil && len(load.GetCard()) == len(index.Number{}) {
		item.Card, item.Time = hex.EncodeToString(load.GetCard()), hex.EncodeToString(load.GetTime())
		item.Terminal, item.Sequence = hex.EncodeToString(load.GetTerminal()), load.GetOnlineSequence()
		return true
	}
	item.what = r.nameOf(row)
	item.What = item.what.Error()
	return is == verdict.Rejected || is == verdict.Quarantined || is == verdict.Disputed
}
