package main

import (
	"context"
	"fmt"
	"math"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/release"
	"citycard/clearing/transit/load"
	"citycard/cmd/books"
	"citycard/language"
	"citycard/ledger"
)

func loadCommand() *ffcli.Command {
	return group("load", "loads that were paid for", "", loadRefundCommand(), loadWaitingCommand(), loadOwedCommand(), loadWithdrawCommand(), loadInvoiceCommand())
}

func loadRefundCommand() *ffcli.Command {
	p := newProposing("load refund", "--card DIGITS --order NUMBER [--not-written]", "propose to give a load that no card has back to its channel",
		"Without --not-written the load must have been paid for as long as the rules say. A load that is written after\n"+
			"its refund is suspended as load_not_paid; citycard suspense release has the channel owe it again. Nothing is refunded\n"+
			"while a record of a written load is in quarantine, or is unread in a stream that a day was closed without.")
	var card cardNumber
	card.register(p.flags)
	var r release.Refund
	p.flags.StringVar(&r.Order, "order", "", "the channel's order `number`")
	p.flags.StringVar(&r.Channel, "channel", "", "channel `ID`, where two have the order number")
	sequence := p.flags.Int("sequence", -1, "the card's online `sequence`, where several orders have the number")
	p.flags.BoolVar(&r.NotWritten, "not-written", false, "the counter has looked at the card: it does not have the load")
	p.check = func() error {
		switch _, err := card.parse(); {
		case err != nil:
			return err
		case r.Order == "":
			return language.Textf("--order is missing: want the channel's order number")
		case *sequence > math.MaxUint16:
			return language.Textf("--sequence %d: want at most %d", *sequence, math.MaxUint16)
		case *sequence >= 0:
			online := uint16(*sequence)
			r.Sequence = &online
		}
		return nil
	}
	p.completes = true
	return proposes(p, release.KindRefund, func(context.Context) (release.AskedRefund, error) {
		r.Card = card.number
		return release.AskedRefund{Refund: r, Issuer: card.issuer}, nil
	})
}

// waitingLine is a paid load that is on no card yet, as it is printed.
type waitingLine struct {
	Placer string     `json:"placer"`
	Order  string     `json:"order"`
	Card   string     `json:"card_masked"`
	Fen    ledger.Fen `json:"fen"`
	State  load.State `json:"state"` // waiting, held, authorised
	Since  string     `json:"since"` // clearing day
	// Sequence is the card's online sequence of one that is authorised.
	Sequence *uint16 `json:"sequence,omitempty"`
}

const waitingLoadHeader = "PLACER\tORDER\tCARD\t>YUAN\tSTATE\t>SEQUENCE\tSINCE"

func newWaitingLine(w *load.Waiting) waitingLine {
	line := waitingLine{string(w.Placer), w.Number, w.Card.String(), w.Fen, w.State, w.Booked.String(), nil}
	if w.State == load.StateAuthorised {
		line.Sequence = &w.Load.Sequence
	}
	return line
}

func (w waitingLine) cells(l language.Language) []string {
	state, sequence := l.Choose("waiting for its card", "待圈存"), ""
	if w.State == load.StateHeld {
		state = l.Choose("held: its card may have it", "待人工核实")
	}
	if w.Sequence != nil {
		state, sequence = l.Choose("MAC2 given out", "已授权"), fmt.Sprint(*w.Sequence)
	}
	return []string{w.Placer, w.Order, w.Card, w.Fen.String(), state, sequence, w.Since}
}

// waitingPage is how many waiting loads are read at once.
const waitingPage = 1000

func loadWaitingCommand() *ffcli.Command {
	c := newCommand("load waiting", "", "paid loads that wait for their card, oldest first",
		"A counter writes them when the card is presented. Two people take one back with citycard load withdraw.")
	c.registerJSON(jsonLines)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		return list(c, waitingLoadHeader, waitingLine.cells, func(add func(waitingLine) error) error {
			for after := (load.After{}); ; {
				page, err := load.ListWaiting(ctx, b.Ledger, after, waitingPage)
				if err != nil {
					return err
				}
				for i := range page {
					if err := add(newWaitingLine(&page[i])); err != nil {
						return err
					}
					after = load.After{Booked: page[i].Booked, Placer: page[i].Placer, Number: page[i].Number}
				}
				if len(page) < waitingPage {
					return nil
				}
			}
		})
	})
}

func loadWithdrawCommand() *ffcli.Command {
	p := newProposing("load withdraw", "--placer channel:ID --order NUMBER [--to ACCOUNT]", "propose to take back a paid load that waits for its card",
		"The money goes back to the channel that placed it. A card's balance (--placer card:DIGITS) goes to the channel that\n"+
			"pays it out, --to. One for which MAC2 was given out may be on the card: citycard load refund lets it wait again.")
	var r load.Withdraw
	p.flags.StringVar((*string)(&r.Placer), "placer", "", "whose order number it is, `channel:ID or card:DIGITS`, as citycard load waiting shows it")
	p.flags.StringVar(&r.Order, "order", "", "the placer's order `number`")
	p.flags.StringVar(&r.To, "to", "", "`account` that gets a card's balance")
	p.check = func() error {
		switch {
		case r.Placer == "":
			return language.Textf("--placer is missing: want channel:ID or card:DIGITS")
		case r.Order == "":
			return language.Textf("--order is missing: want the placer's order number")
		}
		return nil
	}
	return proposes(p, load.KindWithdraw, func(context.Context) (load.Withdraw, error) { return r, nil })
}
