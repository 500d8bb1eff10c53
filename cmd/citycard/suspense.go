package main

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/release"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/language"
	"citycard/ledger"
)

func suspenseCommand() *ffcli.Command {
	return group("suspense", "money whose payee is open", "", suspenseListCommand(), suspenseReleaseCommand(), suspenseCorrectCommand())
}

// suspenseFilter are flags that select suspended transfers.
type suspenseFilter struct {
	reason, terminal, operator string
	line                       uint
}

// register adds the flags. code is the name of the flag for the reason code.
func (f *suspenseFilter) register(c *command, code string) {
	c.flags.StringVar(&f.reason, code, "", "reason `code`, such as unknown_terminal")
	c.flags.StringVar(&f.terminal, "terminal", "", "SAM terminal number, 12 `digits`")
	c.flags.UintVar(&f.line, "line", 0, "`number` of the line")
	c.flags.StringVar(&f.operator, "operator", "", "`ID` of the operator that the terminal belonged to when the card signed")
}

func (f *suspenseFilter) empty() bool { return *f == suspenseFilter{} }

// read reads the flags as a filter.
func (f *suspenseFilter) read(code string) (release.Filter, error) {
	filter := release.Filter{Reason: verdict.Reason(f.reason), Terminal: f.terminal, Line: uint32(f.line), Operator: f.operator}
	if _, err := hex.DecodeString(f.terminal); f.terminal != "" && (err != nil || len(f.terminal) != 12) {
		return filter, language.Textf("--terminal %q: want 12 digits", f.terminal)
	}
	if entry, known := verdict.Explain(filter.Reason); f.reason != "" && (!known || entry.Verdict != verdict.Suspended) {
		return filter, language.Textf("--%s %q is no reason for which money is suspended", code, f.reason)
	}
	return filter, nil
}

// suspendedLine is a suspended transfer as it is printed.
type suspendedLine struct {
	Row      string           `json:"row"`
	Time     string           `json:"time,omitempty"` // as signed, YYYYMMDDhhmmss
	Card     string           `json:"card"`           // its last four digits
	Terminal string           `json:"terminal,omitempty"`
	Line     uint32           `json:"line,omitempty"`
	Operator string           `json:"operator,omitempty"`
	Unplaced release.Unplaced `json:"no_operator,omitempty"` // why there is none
	Fen      ledger.Fen       `json:"fen"`                   // below zero: the suspense account is owed it
	Reason   verdict.Reason   `json:"reason"`
	Booked   string           `json:"booked"`
	State    release.State    `json:"state"`
	To       string           `json:"to,omitempty"`
	Foreign  bool             `json:"foreign"` // another city's, never verified
}

const suspendedHeader = "ROW\tTIME\tCARD\tTERMINAL\t>LINE NUMBER\tOPERATOR\t>YUAN\tREASON\tBOOKED\tSTATE"

func newSuspendedLine(s *release.Suspended) suspendedLine {
	line := suspendedLine{
		Row: release.RowName(s.Row), Time: s.At, Card: s.Card.String(), Terminal: s.Terminal, Line: s.Line, Operator: s.Operator, Unplaced: s.Unplaced,
		Fen: s.Fen, Reason: s.Reason, Booked: s.Booked.String(), State: s.State, To: s.To, Foreign: s.Foreign,
	}
	if s.Owed {
		line.Fen = -line.Fen
	}
	return line
}

func (s suspendedLine) cells(l language.Language) []string {
	var state string
	switch s.State {
	case release.Released:
		state = l.Choose("released to ", "已解除，归 ") + s.To
	case release.Corrected:
		state = l.Choose("corrected, to ", "已更正，归 ") + s.To
	default:
		state = l.Choose("waits", "待处理")
	}
	if s.Foreign {
		state += l.Choose("; foreign, unverified", "；外地卡，未验证")
	}
	operator, line := s.Operator, ""
	if s.Line > 0 {
		line = fmt.Sprint(s.Line)
	}
	switch s.Unplaced {
	case release.Placed:
	case release.IsLoad:
		operator = l.Choose("— (a load)", "—（圈存）")
	case release.NoDate:
		operator = l.Choose("— (no signed date)", "—（无签名日期）")
	default:
		operator = l.Choose("— (not registered on that day)", "—（当日未登记）")
	}
	return []string{s.Row, s.Time, s.Card, s.Terminal, line, operator, s.Fen.String(), s.Reason.In(l), s.Booked, state}
}

func suspenseListCommand() *ffcli.Command {
	const code = "reason"
	c := newCommand("suspense list", "[--from DAY] [--to DAY] [--reason CODE] [--terminal DIGITS] [--operator ID] [--all]", "what was suspended in these clearing days and still waits",
		"Each row comes with the terminal that took the tap, its line, and the operator to which the terminal belonged when the\n"+
			"card signed, by the registry. With --json it takes constant memory.")
	var of span
	c.flags.Var(&of.from, "from", "first clearing `day` YYYYMMDD; empty: 30 days before the last")
	c.flags.Var(&of.to, "to", "last clearing `day` YYYYMMDD; empty: the newest that the books have")
	var filter suspenseFilter
	filter.register(c, code)
	all := c.flags.Bool("all", false, "what was released, too")
	c.check = func() error {
		if of.from != 0 && of.to != 0 {
			return of.check()
		}
		_, err := filter.read(code)
		return err
	}
	return c.reads(func(ctx context.Context, b *books.Books) error {
		f, err := filter.read(code)
		if err != nil {
			return err
		}
		if f.First, f.Last, err = release.UsualSpan(ctx, b.Ledger); err != nil {
			return err
		}
		if of.to != 0 {
			f.First, f.Last = ledger.Day(of.to).Add(-usualDays), ledger.Day(of.to)
		}
		if of.from != 0 {
			f.First = ledger.Day(of.from)
		}
		f.All = *all
		return list(c, suspendedHeader, suspendedLine.cells, func(add func(suspendedLine) error) error {
			office := &release.Office{Ledger: b.Ledger}
			return office.List(ctx, f, func(s release.Suspended) error { return add(newSuspendedLine(&s)) })
		})
	})
}

// releasing is the command that releases one row, or those that its flags select.
type releasing struct {
	*proposer
	filter  suspenseFilter
	day     books.Day
	row     string
	to      string
	because string
	limit   int
}

// byReasonCode is the flag of the reason code; --reason is the reason of the decision.
const byReasonCode = "reason-code"

func suspenseReleaseCommand() *ffcli.Command {
	r := &releasing{proposer: newProposing("suspense release", "--row ROW | [--reason-code CODE] [--terminal DIGITS] [--line NUMBER] [--operator ID] [--day DAY]",
		"propose to release suspended transfers",
		"A tap goes to the operator to which its terminal belonged when the card signed, by the registry; another city's tap\n"+
			"to that operator's pending account. Another account takes --to, and a reason of its own, --because. With the flags that\n"+
			"select rows, --to is only for those of which the registry names no operator; without it they stay and are named. Without\n"+
			"--day it looks for rows that were booked in the newest 31 days. A load that nobody paid is released with --to channel:ID.")}
	r.filter.register(r.command, byReasonCode)
	r.flags.Var(&r.day, "day", "clearing `day` YYYYMMDD in which it was suspended")
	r.flags.StringVar(&r.row, "row", "", "one `row` as citycard suspense list shows it")
	r.flags.StringVar(&r.to, "to", "", "`account`: operator:ID or channel:ID; pending:OPERATOR for another city's tap; for a load the channel that owes it")
	r.flags.StringVar(&r.because, "because", "", "why the money goes to that account, a `text` that is kept with it")
	r.flags.IntVar(&r.limit, "limit", 0, "release so many rows of those that match; 0: refuse more than one release takes")
	r.check = r.flagsFit
	r.completes = true
	return proposes(r.proposer, release.KindRelease, r.request)
}

func (r *releasing) flagsFit() error {
	one := r.row != ""
	switch _, err := r.filter.read(byReasonCode); {
	case err != nil:
		return err
	case one == (!r.filter.empty() || r.day != 0):
		return language.Textf("want either --row, or what selects rows: --reason-code, --terminal, --line, --operator, --day")
	case one && r.limit != 0, r.limit < 0 || r.limit > release.MaxRows:
		return language.Textf("--limit %d: want at most %d, and no --row", r.limit, release.MaxRows)
	case !one && (r.to == "") != (r.because == ""):
		return language.Textf("want --to and --because together: to whom rows go of which the registry names no operator, and why")
	case one:
		if _, err := release.ParseRow(r.row); err != nil {
			return language.Textf("--row: %w", err)
		}
	}
	return nil
}

// request is what the flags ask for; the server fixes the rows.
func (r *releasing) request(context.Context) (release.AskedReleases, error) {
	return release.AskedReleases{
		Row: r.row, Day: ledger.Day(r.day), Reason: verdict.Reason(r.filter.reason), Terminal: r.filter.terminal, Line: uint32(r.filter.line), Operator: r.filter.operator,
		To: r.to, Because: r.because, Limit: r.limit,
	}, nil
}

func suspenseCorrectCommand() *ffcli.Command {
	p := newProposing("suspense correct", "--row ROW --to ACCOUNT --because TEXT", "propose to put a wrong release right",
		"It books the release the other way round, and the same amount to the right account. The first account owes it, even if\n"+
			"a close has paid it out: the close of the open day deducts it, or collects it. A release is corrected once.")
	var c release.Correction
	p.flags.StringVar(&c.Row, "row", "", "suspended `row` as citycard suspense list --all shows it")
	p.flags.StringVar(&c.To, "to", "", "`account` that the money belongs to")
	p.flags.StringVar(&c.Because, "because", "", "why the release was wrong, a `text` that is kept with it")
	p.check = func() error {
		switch _, err := release.ParseRow(c.Row); {
		case err != nil:
			return language.Textf("--row: %w", err)
		case c.To == "" || c.Because == "":
			return language.Textf("want --to, the right account, and --because, why the release was wrong")
		}
		return nil
	}
	return proposes(p, release.KindCorrect, func(context.Context) (release.Correction, error) { return c, nil })
}
