package main

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/transit/unconfirmed"
	"citycard/cmd/books"
	"citycard/language"
	"citycard/ledger"
)

// unconfirmedLine is a tap without a TAC as it is printed.
type unconfirmedLine struct {
	Row      string     `json:"row"`
	Time     string     `json:"time"` // as its lane says, YYYYMMDDhhmmss
	Card     string     `json:"card"` // its last four digits
	Terminal string     `json:"terminal"`
	Line     uint32     `json:"line,omitempty"`
	Station  uint32     `json:"station,omitempty"`
	Operator string     `json:"operator,omitempty"`
	Fen      ledger.Fen `json:"fen"`
	Counter  uint32     `json:"card_counter"` // before it
	Balance  int32      `json:"balance_fen"`  // after it, if the card paid
	Since    string     `json:"since"`        // clearing day

	State     string           `json:"state"` // open, lost, not_debited or confirmed
	Confirmed string           `json:"confirmed,omitempty"`
	Says      unconfirmed.Says `json:"claims,omitempty"` // of one that is open
	Later     *laterLine       `json:"later,omitempty"`
}

// laterLine is the card's first later record, whose counter and balance are claims.
type laterLine struct {
	Time    string `json:"time"`
	Counter *int64 `json:"card_counter,omitempty"` // of a tap
	Balance int64  `json:"balance_fen"`
	Fen     int64  `json:"fen"`
}

const unconfirmedHeader = "ROW\tTIME\tCARD\tTERMINAL\t>LINE NUMBER\t>STATION\tOPERATOR\t>YUAN\t>COUNTER\t>BALANCE\tSINCE\tSTATE\tLATER RECORD"

func newUnconfirmedLine(k *unconfirmed.Kept) unconfirmedLine {
	d := k.Record.GetDebit()
	line := unconfirmedLine{
		Row: unconfirmed.RowName(k.Tap), Time: hex.EncodeToString(d.GetTime()), Card: k.Card().String(), Terminal: hex.EncodeToString(d.GetTerminal()),
		Line: k.Record.GetLine(), Station: k.Record.GetStation(), Operator: k.Operator, Fen: k.Fen(), Counter: k.Record.GetCardCounter(),
		Balance: k.Record.GetBalanceFen(), Since: k.Booked.String(), State: string(k.Decided), Says: k.Says,
	}
	switch {
	case k.Confirmed != 0:
		line.Confirmed = k.Confirmed.String()
		if k.Decided == unconfirmed.Undecided {
			line.State = "confirmed"
		}
	case k.Open():
		line.State = "open"
	}
	if r := k.First; r != nil {
		line.Later = &laterLine{Time: r.Time, Balance: r.Balance, Fen: r.Fen}
		if !r.Load {
			line.Later.Counter = &r.Counter
		}
	}
	return line
}

func (u unconfirmedLine) cells(l language.Language) []string {
	number := func(n uint32) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	operator := u.Operator
	if operator == "" {
		operator = l.Choose("— (not registered on that day)", "—（当日未登记）")
	}
	return []string{
		u.Row, u.Time, u.Card, u.Terminal, number(u.Line), number(u.Station), operator, u.Fen.String(), fmt.Sprint(u.Counter),
		ledger.Fen(u.Balance).String(), u.Since, u.state(l), u.later(l),
	}
}

// state is the state in words: of one that is open, what claims say.
func (u unconfirmedLine) state(l language.Language) (state string) {
	switch unconfirmed.Decision(u.State) {
	case unconfirmed.CodeLost:
		state = l.Choose("debited, code lost", "已扣款，交易验证码遗失")
	case unconfirmed.WasNotDebited:
		state = l.Choose("not debited", "未扣款")
	case "confirmed":
		return l.Choose("confirmed, booked on ", "已确认，入账日 ") + u.Confirmed
	default:
		return l.Choose("open; claims say: ", "待处理；卡片数据显示：") + saysIn(u.Says, l)
	}
	if u.Confirmed != "" {
		state += l.Choose("; its TAC came, booked on ", "；后收到交易验证码，入账日 ") + u.Confirmed
	}
	return state
}

func saysIn(s unconfirmed.Says, l language.Language) string {
	switch s {
	case unconfirmed.Debited:
		return l.Choose("debited", "已扣款")
	case unconfirmed.NotDebited:
		return l.Choose("not debited", "未扣款")
	case unconfirmed.Disagree:
		return l.Choose("counter and balance disagree", "序号与余额不一致")
	}
	return l.Choose("nothing yet", "尚无后续记录")
}

func (u unconfirmedLine) later(l language.Language) string {
	r := u.Later
	switch {
	case r == nil:
		return ""
	case r.Counter == nil:
		return fmt.Sprintf("%s %s %s, %s %s", r.Time, l.Choose("load", "圈存"), ledger.Fen(r.Fen).String(), l.Choose("balance", "余额"), ledger.Fen(r.Balance).String())
	}
	return fmt.Sprintf("%s %s %d, %s %s", r.Time, l.Choose("counter", "序号"), *r.Counter, l.Choose("balance", "余额"), ledger.Fen(r.Balance).String())
}

func tapUnconfirmedCommand() *ffcli.Command {
	c := newCommand("tap unconfirmed", "[--from DAY] [--to DAY] [--operator ID] [--all]", "taps of which no TAC came, and what the cards' later records say",
		"A lane that never learned whether a card paid says so after a day. Nothing moves for that. A TAC that comes later\n"+
			"confirms it by itself. Counter and balance of the card's later records are claims: they say whether it was debited,\n"+
			"for two people to resolve it (citycard tap resolve).")
	var of span
	c.flags.Var(&of.from, "from", "first clearing `day` YYYYMMDD on which it was kept; empty: the first that the books have")
	c.flags.Var(&of.to, "to", "last such `day` YYYYMMDD; empty: the newest that the books have")
	operator := c.flags.String("operator", "", "`ID` of the operator that the terminal belonged to on the signed day")
	all := c.flags.Bool("all", false, "those that are closed, too")
	c.registerJSON(jsonLines)
	c.check = func() error {
		if of.from != 0 && of.to != 0 {
			return of.check()
		}
		return nil
	}
	return c.reads(func(ctx context.Context, b *books.Books) error {
		every := everyDay()
		if of.from == 0 {
			of.from = every.from
		}
		if of.to == 0 {
			of.to = every.to
		}
		f := unconfirmed.Filter{First: ledger.Day(of.from), Last: ledger.Day(of.to), Operator: *operator, All: *all}
		return list(c, unconfirmedHeader, unconfirmedLine.cells, func(add func(unconfirmedLine) error) error {
			return unconfirmed.List(ctx, b.Ledger, f, func(k *unconfirmed.Kept) error { return add(newUnconfirmedLine(k)) })
		})
	})
}

func tapResolveCommand() *ffcli.Command {
	p := newProposing("tap resolve", "--row ROW --as lost|not_debited [--because TEXT]", "propose to close a tap of which no TAC came",
		"lost: the card was debited and its code is lost: the amount moves from the float to suspense:code_lost. not_debited:\n"+
			"nothing moves. Another decision than the one that the card's later counter and balance say takes a reason of its own,\n"+
			"--because. If the TAC comes after all, the tap is booked like any other, and the card pays once.")
	var r unconfirmed.Resolve
	p.flags.StringVar(&r.Row, "row", "", "`row` as citycard tap unconfirmed shows it")
	as := p.flags.String("as", "", "`what`: lost or not_debited")
	p.flags.StringVar(&r.Because, "because", "", "why, if the claims do not say it, a `text` that is kept with it")
	p.check = func() error {
		r.As = unconfirmed.Decision(*as)
		switch _, err := unconfirmed.ParseRow(r.Row); {
		case err != nil:
			return language.Textf("--row: %w", err)
		case r.As != unconfirmed.CodeLost && r.As != unconfirmed.WasNotDebited:
			return language.Textf("--as %q: want lost or not_debited", *as)
		}
		return nil
	}
	return proposes(p, unconfirmed.KindResolve, func(context.Context) (unconfirmed.Resolve, error) { return r, nil })
}
