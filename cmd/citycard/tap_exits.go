package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/tunion"
	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/transit/exits"
	"citycard/cmd/books"
	"citycard/language"
	"citycard/ledger"
)

// exitLine is an exit ticket as it is printed.
type exitLine struct {
	Ticket   string     `json:"ticket"` // SAM, day, running number
	Time     string     `json:"time"`   // YYYYMMDDhhmmss
	Until    string     `json:"valid_until"`
	Reason   string     `json:"reason"`           // damaged_card, lost_ticket, trip_ended, staff
	Update   string     `json:"update,omitempty"` // 01, 02, 03, 10, 12
	Because  string     `json:"because,omitempty"`
	Cash     ledger.Fen `json:"cash_fen"`
	Card     string     `json:"card,omitempty"` // its last four digits
	Staff    string     `json:"staff"`
	Operator string     `json:"operator,omitempty"`
	Line     uint32     `json:"line,omitempty"`
	Station  uint32     `json:"station"`
	Booked   string     `json:"booked,omitempty"` // clearing day
	Void     *voidLine  `json:"void,omitempty"`

	reason message.ExitReason
}

// voidLine is why a ticket no longer counts.
type voidLine struct {
	Time    string     `json:"time"`
	Staff   string     `json:"staff"`
	Because string     `json:"because"`
	Back    ledger.Fen `json:"cash_back_fen"`
	Booked  string     `json:"booked"`
}

const exitHeader = "TICKET\tTIME\tVALID UNTIL\tREASON\t>CASH\tCARD\tSTAFF\tOPERATOR\t>LINE NUMBER\t>STATION\tBOOKED\tSTATE"

// exitReason is the name of a reason in JSON.
func exitReason(r message.ExitReason) string {
	switch r {
	case message.ExitReason_EXIT_REASON_DAMAGED_CARD:
		return "damaged_card"
	case message.ExitReason_EXIT_REASON_LOST_TICKET:
		return "lost_ticket"
	case message.ExitReason_EXIT_REASON_TRIP_ENDED:
		return "trip_ended"
	case message.ExitReason_EXIT_REASON_STAFF:
		return "staff"
	}
	return r.String()
}

// exitReasonIn is the reason in words.
func exitReasonIn(l language.Language, r message.ExitReason) string {
	switch r {
	case message.ExitReason_EXIT_REASON_DAMAGED_CARD:
		return l.Choose("damaged card", "坏卡")
	case message.ExitReason_EXIT_REASON_LOST_TICKET:
		return l.Choose("no card or ticket", "无票")
	case message.ExitReason_EXIT_REASON_TRIP_ENDED:
		return l.Choose("trip ended at the desk", "行程在服务台结束")
	case message.ExitReason_EXIT_REASON_STAFF:
		return l.Choose("staff decide", "工作人员决定")
	}
	return r.String()
}

func newExitLine(k *exits.Kept) exitLine {
	t := k.Ticket
	line := exitLine{
		Ticket: message.TicketName(t), Time: hex.EncodeToString(t.GetTime()), Until: hex.EncodeToString(t.GetValidUntil()), Reason: exitReason(t.GetReason()),
		Because: t.GetBecause(), Cash: ledger.Fen(t.GetCashFen()), Staff: t.GetStaff(), Operator: k.Operator, Line: t.GetLine(), Station: t.GetStation(), reason: t.GetReason(),
	}
	if t.GetUpdate() != message.UpdateReason_UPDATE_REASON_UNSPECIFIED {
		line.Update = t.GetUpdate().Code()
	}
	if len(t.GetCard()) > 0 {
		line.Card = tunion.Masked(hex.EncodeToString(t.GetCard()))
	}
	if k.Operator == docket.UnregisteredOperator {
		line.Operator = ""
	}
	if k.Booked != 0 {
		line.Booked = k.Booked.String()
	}
	if v := t.GetVoid(); v != nil {
		line.Void = &voidLine{hex.EncodeToString(v.GetTime()), v.GetStaff(), v.GetBecause(), ledger.Fen(v.GetCashBackFen()), k.Voided.String()}
	}
	return line
}

func (e exitLine) cells(l language.Language) []string {
	state, reason, operator, line := "", exitReasonIn(l, e.reason), e.Operator, ""
	if v := e.Void; v != nil {
		state = language.Textf("void since %s (%s): %s; %s yuan given back", clockOf(v.Time), v.Staff, v.Because, v.Back.String()).In(l)
	}
	if e.Update != "" {
		reason += " " + e.Update
	}
	if e.Because != "" {
		reason += ": " + e.Because
	}
	if operator == "" {
		operator = l.Choose("— (not registered on that day)", "—（当日未登记）")
	}
	if e.Line != 0 {
		line = fmt.Sprint(e.Line)
	}
	return []string{e.Ticket, clockOf(e.Time), clockOf(e.Until), reason, e.Cash.String(), e.Card, e.Staff, operator, line, fmt.Sprint(e.Station), e.Booked, state}
}

// clockOf is a time of a card or a desk for people.
func clockOf(digits string) string {
	at, err := time.Parse("20060102150405", digits)
	if err != nil {
		return digits
	}
	return at.Format(time.DateTime)
}

func tapExitsCommand() *ffcli.Command {
	c := newCommand("tap exits", "[--from DAY] [--to DAY] [--operator ID] [--station NUMBER]", "exit tickets that stations' desks gave",
		"What desks say of the tickets with which passengers left through a side gate, and of those that no longer count.\n"+
			"No money moves for them: their cash is the operator's own. citycard tap cash adds it up.")
	var of span
	c.flags.Var(&of.from, "from", "first `day` YYYYMMDD on which a ticket was given; empty: 30 days before the last")
	c.flags.Var(&of.to, "to", "last such `day` YYYYMMDD; empty: the newest that the books have")
	operator := c.flags.String("operator", "", "`ID` of the operator that the desk belonged to on that day")
	station := c.flags.Uint("station", 0, "`number` of the station; 0: all")
	c.registerJSON(jsonLines)
	c.check = of.checkGiven
	return c.reads(func(ctx context.Context, b *books.Books) error {
		if err := of.usual(ctx, b.Ledger); err != nil {
			return err
		}
		f := exits.Filter{First: ledger.Day(of.from), Last: ledger.Day(of.to), Operator: *operator, Station: uint32(min(*station, 1<<31))}
		return list(c, exitHeader, exitLine.cells, func(add func(exitLine) error) error {
			return exits.List(ctx, b.Ledger, f, func(k *exits.Kept) error { return add(newExitLine(k)) })
		})
	})
}

// cashLine is what an operator took itself, as it is printed.
type cashLine struct {
	Booked string `json:"booked"` // clearing day
	docket.Aside
}

const cashHeader = "BOOKED\tDAY\tOPERATOR\tWHAT\t>COUNT\t>YUAN"

func (c cashLine) cells(l language.Language) []string {
	what, operator := c.Purpose, c.Operator
	switch c.Purpose {
	case chart.DeskCash:
		what = l.Coded(c.Purpose, "updates of cards, in cash", "票务更新收现")
	case chart.ExitTicket:
		what = l.Coded(c.Purpose, "exit tickets", "出站票")
	case chart.ExitVoid:
		what = l.Coded(c.Purpose, "exit tickets that no longer count", "作废出站票")
	}
	if operator == docket.UnregisteredOperator {
		operator = l.Choose("— (not registered on that day)", "—（当日未登记）")
	}
	return []string{c.Booked, c.Day.String(), operator, what, fmt.Sprint(c.Count), c.Fen.String()}
}

func tapCashCommand() *ffcli.Command {
	c := newCommand("tap cash", "[--from DAY] [--to DAY] [--operator ID]", "cash that operators took at stations' desks, by clearing day",
		"What desks say that they took for updates of cards and for exit tickets, and gave back. It is the operators' own\n"+
			"and moves no money here; each operator's settlement file states the same.")
	var of span
	c.flags.Var(&of.from, "from", "first clearing `day` YYYYMMDD; empty: 30 days before the last")
	c.flags.Var(&of.to, "to", "last clearing `day` YYYYMMDD; empty: the newest that the books have")
	operator := c.flags.String("operator", "", "`ID` of the operator")
	c.registerJSON(jsonLines)
	c.check = of.checkGiven
	return c.reads(func(ctx context.Context, b *books.Books) error {
		if err := of.usual(ctx, b.Ledger); err != nil {
			return err
		}
		return list(c, cashHeader, cashLine.cells, func(add func(cashLine) error) error {
			for day := ledger.Day(of.from); day <= ledger.Day(of.to); day = day.Next() {
				asides, err := docket.Asides(ctx, b.Ledger, day)
				if err != nil {
					return err
				}
				for _, line := range asides {
					if !isCash(line.Purpose) || *operator != "" && line.Operator != *operator {
						continue
					}
					if err := add(cashLine{day.String(), line}); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}

// readTicket reads what a desk says of an exit ticket.
func (item *ruled) readTicket(evidence []byte) bool {
	t, err := message.CheckExitTicket(evidence)
	if err != nil {
		return false
	}
	item.Time, item.Terminal, item.Sequence = hex.EncodeToString(t.GetTime()), hex.EncodeToString(t.GetTerminal()), t.GetNumber()
	item.what = language.Textf("exit ticket %s", message.TicketName(t))
	if v := t.GetVoid(); v != nil {
		item.Time, item.what = hex.EncodeToString(v.GetTime()), language.Textf("exit ticket %s no longer counts", message.TicketName(t))
	}
	item.What = item.what.Error()
	return true
}

// isCash tells cash from what is stated of fares beside it.
func isCash(purpose string) bool {
	return purpose == chart.DeskCash || purpose == chart.ExitTicket || purpose == chart.ExitVoid
}
