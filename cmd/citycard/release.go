package main

import (
	"context"
	"math"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/release"
	"citycard/language"
)

func loadCommand() *ffcli.Command {
	return group("load", "loads that were paid for", "", loadRefundCommand())
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
