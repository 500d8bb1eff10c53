package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/release"
	"citycard/clearing/rulefile"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// decision is a command with which two people decide about money that waits.
type decision struct {
	*command
	people
	zone *time.Location // of days; known when the books are open
}

func newDecision(name, usage, short, long string) *decision {
	d := &decision{command: newCommand(name, usage+" --by NAME --and NAME --reason TEXT", short, long)}
	d.people.register(d.flags)
	return d
}

func (d *decision) approval() ledger.Approval {
	by := d.people.approval()
	by.At = by.At.In(d.zone)
	return by
}

// decides makes the command book one decision and print the result. show plans it; without a plan
// nothing is booked. said is the text of the result.
func (d *decision) decides(show func(context.Context, *release.Office) (*release.Plan, error), said func(release.Done) *language.Text) *ffcli.Command {
	return d.changes(func(ctx context.Context, b *books.Books) (err error) {
		if d.zone, err = server.Zone(ctx, b.Ledger); err != nil {
			return err
		}
		office, err := newOffice(ctx, b, d.zone)
		if err != nil {
			return err
		}
		plan, err := show(ctx, office)
		if plan == nil || err != nil {
			return refusedDecision(err)
		}
		done, err := office.Do(ctx, plan, d.approval())
		if err != nil {
			return refusedDecision(err)
		}
		return d.print(plan, done, said)
	})
}

// refusedDecision says why nothing was booked.
func refusedDecision(err error) error {
	refusal := (*release.Refusal)(nil)
	if !errors.As(err, &refusal) {
		return err
	}
	refused := service.Refuse("nothing was booked").Because(refusal.Text)
	if refusal.Todo != nil {
		return refused.Todo("%w", refusal.Todo)
	}
	return refused
}

// print prints the transfers of one row, or the sums of several.
func (d *decision) print(plan *release.Plan, done release.Done, said func(release.Done) *language.Text) error {
	if len(plan.Rows) == 1 {
		for _, part := range done.Rows[0].Parts {
			d.Print("%s -> %s %s", part.Debit, part.Credit, part.Fen.String())
		}
	} else {
		for _, total := range release.Totals(done.Rows) {
			d.Print("%s: %d rows, %s yuan", total.To, total.Rows, total.Fen.String())
		}
	}
	if done.Repeated {
		d.Print("booked before; nothing changed")
	} else {
		d.Print("%w, by %s and %s", said(done), d.first, d.second)
	}
	for _, row := range done.Refused {
		d.Say("not booked, it waits on: %s: %w", row.Row, row.Why)
	}
	if n := len(done.Refused); n > 0 {
		return service.Refuse("%d of %d rows were not booked and wait on", n, len(plan.Rows)).Todo("release them once their accounts take money")
	}
	return nil
}

func newOffice(ctx context.Context, b *books.Books, zone *time.Location) (*release.Office, error) {
	set, err := server.InForce(ctx, b.Ledger)
	if err != nil {
		return nil, err
	}
	return &release.Office{Ledger: b.Ledger, Owner: server.OwnerName(), RefundAfterDays: set.Loads.At(rulefile.MomentOf(time.Now().In(zone))).RefundAfterDays}, nil
}

func loadCommand() *ffcli.Command {
	return group("load", "loads that were paid for", "", loadRefundCommand())
}

func loadRefundCommand() *ffcli.Command {
	d := newDecision("load refund", "--card DIGITS --order NUMBER [--not-written]", "give a load that no card has back to its channel, by two people",
		"Without --not-written the load must have been paid for as long as the rules say. A load that is written after\n"+
			"its refund is suspended as load_not_paid; citycard suspense release has the channel owe it again. Nothing is refunded\n"+
			"while a record of a written load is in quarantine, or is unread in a stream that a day was closed without.")
	var card cardNumber
	card.register(d.flags)
	var r release.Refund
	d.flags.StringVar(&r.Order, "order", "", "the channel's order `number`")
	d.flags.StringVar(&r.Channel, "channel", "", "channel `ID`, where two have the order number")
	sequence := d.flags.Int("sequence", -1, "the card's online `sequence`, where several orders have the number")
	d.flags.BoolVar(&r.NotWritten, "not-written", false, "the counter has looked at the card: it does not have the load")
	d.check = func() error {
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
	return d.decides(func(ctx context.Context, office *release.Office) (*release.Plan, error) {
		cards, _, err := card.find(ctx, office.Ledger)
		if err != nil {
			return nil, err
		}
		r.Card, r.On = cards[0].Digits(), ledger.DayOf(time.Now().In(d.zone)) // only a registered card's loads are paid for
		return office.ShowRefund(ctx, r)
	}, func(release.Done) *language.Text { return language.Textf("order %s refunded", r.Order) })
}
