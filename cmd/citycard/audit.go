package main

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	staff "citycard/clearing/people"
	"citycard/clearing/rules"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

func auditCommand() *ffcli.Command {
	return group("audit", "look into the audit, or write it to a file", "", auditFindCommand(), auditExportCommand())
}

func auditExportCommand() *ffcli.Command {
	c := newCommand("audit export", "", "write the audit to a file",
		"All entries in order, each a line of JSON with its hash and its signatures, and the seals of the days that cover\n"+
			"them. \"citycard verify --export FILE\" checks it without a database.")
	out := registerOut(c)
	return c.opens(func(ctx context.Context, b *books.Books) error {
		return writeTo(*out, func(w io.Writer) error { return export.WriteAudit(ctx, b.Ledger, w) })
	})
}

// auditQuery holds the flags of citycard audit find.
type auditQuery struct {
	*command
	search   ledger.AuditSearch
	from, to dayOrMoment
	limit    int
}

func auditFindCommand() *ffcli.Command {
	q := &auditQuery{command: newCommand("audit find", "[--act ACT] [--person NAME] [--about TEXT] [--from TIME] [--to TIME]",
		"entries of the audit, the newest first",
		"With --json each entry has its hash and its signatures, as in an export, and takes no memory, however large\n"+
			"--limit is.")}
	q.flags.StringVar(&q.search.Act, "act", "", "`act`, such as \"reopen day\"")
	q.flags.StringVar(&q.search.Person, "person", "", "`name` of one of its people, in any case of letters")
	q.flags.StringVar(&q.search.About, "about", "", "a `text` in what it is about or in its reason, in any case of letters")
	q.flags.Var(&q.from, "from", "first `time`: a day YYYYMMDD, or such as 2026-01-05T12:00:00+08:00")
	q.flags.Var(&q.to, "to", "last `time`: a day YYYYMMDD, or such as 2026-01-05T12:00:00+08:00")
	q.flags.BoolVar(&q.search.OldestFirst, "oldest-first", false, "the oldest first")
	q.flags.IntVar(&q.limit, "limit", 1000, "the greatest `number` of entries")
	q.registerJSON(jsonLines)
	q.command.check = q.check
	return q.reads(q.print)
}

func (q *auditQuery) check() (err error) {
	if policy, err := staff.OwnPolicy(); err != nil {
		return err
	} else if acts := policy.Acts(); q.search.Act != "" && !slices.Contains(acts, q.search.Act) {
		return language.Textf("--act %q: want one of: %s", q.search.Act, strings.Join(acts, ", "))
	}
	if q.search.Person != "" {
		q.search.Person, err = ledger.Person(q.search.Person)
	}
	if err != nil {
		return language.Textf("--person: %w", err)
	}
	return nil
}

// auditLine is an entry as an export has it; zone is that of its time in a table.
type auditLine struct {
	Audit *chain.AuditEntry `json:"audit"`
	zone  *time.Location
}

const auditHeader = "NUMBER\tTIME\tACT\tFIRST\tSECOND\tSIGNATURES\tREASON\tABOUT"

func (a auditLine) cells(l language.Language) []string {
	e := a.Audit
	return []string{
		strconv.FormatInt(e.Number, 10), e.At.In(a.zone).Format(time.DateTime), auditActIn(e.Act, l), e.First, e.Second,
		strconv.Itoa(len(e.Signed)), e.Reason, e.What,
	}
}

func (q *auditQuery) print(ctx context.Context, b *books.Books) error {
	zone, err := (&rules.Store{Ledger: b.Ledger}).Zone(ctx)
	if errors.Is(err, rules.ErrEmpty) {
		zone, err = time.UTC, nil // nothing but the making of the books is in the audit yet
	}
	if err != nil {
		return err
	}
	q.search.From, q.search.To = q.from.first(zone), q.to.behind(zone)
	if !q.search.From.IsZero() && !q.search.To.IsZero() && !q.search.From.Before(q.search.To) {
		return service.Exit(service.ExitUsage, language.Textf("--from %s --to %s: want two times, the first not after the last", q.from.String(), q.to.String()))
	}
	return list(q.command, auditHeader, auditLine.cells, func(add func(auditLine) error) error {
		found := 0
		err := b.SearchAudit(ctx, q.search, func(e chain.AuditEntry) error {
			if found++; found > q.limit {
				return errEnough
			}
			e.At = e.At.UTC()
			return add(auditLine{&e, zone})
		})
		if errors.Is(err, errEnough) {
			q.Say("more than %d; narrow the search or raise --limit", q.limit)
			return nil
		}
		return err
	})
}

// dayOrMoment is a flag that holds a day or a second; neither is no bound.
type dayOrMoment struct {
	day books.Day
	at  moment
}

func (d *dayOrMoment) String() string {
	if d.day != 0 {
		return d.day.String()
	}
	return d.at.String()
}

// Set reads it.
func (d *dayOrMoment) Set(text string) error {
	*d = dayOrMoment{}
	if d.day.Set(text) == nil || d.at.Set(text) == nil {
		return nil
	}
	return language.Textf("%q is neither a day such as 20260105 nor a time such as 2026-01-05T12:00:00+08:00", text)
}

// first is its first second.
func (d *dayOrMoment) first(zone *time.Location) time.Time {
	if d.day != 0 {
		return ledger.Day(d.day).Time(zone)
	}
	return d.at.Time
}

// behind is the second after its last.
func (d *dayOrMoment) behind(zone *time.Location) time.Time {
	switch {
	case d.day != 0:
		return ledger.Day(d.day).Next().Time(zone)
	case !d.at.IsZero():
		return d.at.Truncate(time.Second).Add(time.Second)
	}
	return time.Time{}
}
