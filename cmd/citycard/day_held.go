package main

import (
	"context"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/dayclose"
	"citycard/clearing/people/api"
	"citycard/clearing/release"
	"citycard/cmd/books"
	"citycard/language"
	"citycard/ledger"
)

// printUnpaid prints what a close of a day leaves unpaid, and what to do about it.
func (c *command) printUnpaid(day ledger.Day, unpaid []api.Unpaid) {
	for _, u := range unpaid {
		if held := u.Held; held != nil {
			c.Print("HELD: %s yuan of %s (%d of %d TACs at its terminals were wrong, rule %s); look into its terminals, then two people: citycard day release --day %s --operator %s",
				u.Fen.String(), u.Account, held.Wrong, held.Wrong+held.Verified, held.Rule, day, held.Operator)
			continue
		}
		c.Print("NOT PAID: %s yuan of %s (%s); reopen the day once its account may move", u.Fen.String(), u.Account, u.Why.String())
	}
}

func dayReleaseCommand() *ffcli.Command {
	p := newProposing("day release", "--day DAY --operator ID", "propose to pay an operator what a close held",
		"A close does not pay an operator at whose terminals too many TACs of the day were wrong: somebody may be guessing\n"+
			"them. citycard tap find --reason bad_tac has the records. The payment is booked in the open day, once.")
	var held books.Day
	p.flags.Var(&held, "day", "the clearing `day` YYYYMMDD that is not paid")
	operator := p.flags.String("operator", "", "`ID` of the operator")
	p.check = func() error {
		if held == 0 || *operator == "" {
			return language.Textf("want --day YYYYMMDD and --operator ID")
		}
		return nil
	}
	return proposes(p, release.KindPayout, func(context.Context) (release.Payout, error) {
		return release.Payout{Day: ledger.Day(held), Operator: *operator}, nil
	})
}

// heldLine is a held payout as it is printed.
type heldLine struct {
	Day      string     `json:"day"`
	Operator string     `json:"operator"`
	Fen      ledger.Fen `json:"fen"`
	Wrong    int64      `json:"wrong_tacs"`
	Verified int64      `json:"verified_tacs"`
	Rule     string     `json:"rule"`
	Released bool       `json:"released"`
}

func (h heldLine) cells(l language.Language) []string {
	state := l.Choose("waits", "待放行")
	if h.Released {
		state = l.Choose("released", "已放行")
	}
	return []string{h.Day, h.Operator, h.Fen.String(), fmt.Sprint(h.Wrong), fmt.Sprint(h.Verified), h.Rule, state}
}

const heldHeader = "DAY\tOPERATOR\t>YUAN\t>WRONG\t>VERIFIED\tRULE\tSTATE"

func dayHeldCommand() *ffcli.Command {
	c := newCommand("day held", "[--from DAY] [--to DAY] [--all]", "payouts that closes held and that still wait", "")
	of := everyDay()
	of.register(c.flags)
	all := c.flags.Bool("all", false, "what was released, too")
	return c.reads(func(ctx context.Context, b *books.Books) error {
		return list(c, heldHeader, heldLine.cells, func(add func(heldLine) error) error {
			first, last := of.days()
			return dayclose.EachHeld(ctx, b.Ledger, first, last, func(h dayclose.HeldPayout) error {
				if h.Released && !*all {
					return nil
				}
				return add(heldLine{h.Day.String(), h.Operator, h.Fen, h.Why.Wrong, h.Why.Verified, h.Why.Rule, h.Released})
			})
		})
	})
}
