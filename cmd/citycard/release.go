package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/release"
	"citycard/clearing/rulefile"
	"citycard/clearing/verdict"
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

// decides makes the command book one decision and print the result. act returns the text of the
// result.
func (d *decision) decides(act func(context.Context, *release.Office) (release.Done, *language.Text, error)) *ffcli.Command {
	return d.changes(func(ctx context.Context, b *books.Books) (err error) {
		if d.zone, err = server.Zone(ctx, b.Ledger); err != nil {
			return err
		}
		office, err := newOffice(ctx, b, d.zone)
		if err != nil {
			return err
		}
		done, what, err := act(ctx, office)
		if refusal := (*release.Refusal)(nil); errors.As(err, &refusal) {
			refused := service.Refuse("nothing was booked").Because(refusal.Text)
			if refusal.Todo != nil {
				return refused.Todo("%w", refusal.Todo)
			}
			return refused
		}
		if err != nil {
			return err
		}
		for _, part := range done.Parts {
			d.Print("%s -> %s %s", part.Debit, part.Credit, part.Fen.String())
		}
		if done.Repeated {
			d.Print("booked before; nothing changed")
			return nil
		}
		d.Print("%w, by %s and %s", what, d.first, d.second)
		return nil
	})
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
	return d.decides(func(ctx context.Context, office *release.Office) (release.Done, *language.Text, error) {
		cards, _, err := card.find(ctx, office.Ledger)
		if err != nil {
			return release.Done{}, nil, err
		}
		r.Card, r.By = cards[0], d.approval() // only a registered card's loads are paid for
		done, err := office.Refund(ctx, r)
		return done, language.Textf("order %s refunded", r.Order), err
	})
}

func suspenseCommand() *ffcli.Command {
	return group("suspense", "money whose payee is open", "", suspenseListCommand(), suspenseReleaseCommand())
}

func suspenseReleaseCommand() *ffcli.Command {
	d := newDecision("suspense release", "--row ROW --to ACCOUNT", "release one suspended transfer, by two people", "")
	row := d.flags.String("row", "", "`row` as citycard suspense list shows it")
	var r release.Release
	d.flags.StringVar(&r.To, "to", "", "`account`: operator:ID or channel:ID; pending:OPERATOR for another city's tap; for a load the channel that owes it")
	d.check = func() (err error) {
		if r.Row, err = release.ParseRow(*row); err != nil {
			return language.Textf("--row: %w", err)
		}
		return nil
	}
	return d.decides(func(ctx context.Context, office *release.Office) (release.Done, *language.Text, error) {
		r.By = d.approval()
		done, err := office.Release(ctx, r)
		return done, language.Textf("released to %s", r.To), err
	})
}

// suspendedLine is a suspended transfer as it is printed.
type suspendedLine struct {
	Row      string         `json:"row"`
	Reason   verdict.Reason `json:"reason"`
	Fen      ledger.Fen     `json:"fen"` // below zero: the suspense account is owed it
	Booked   string         `json:"booked"`
	Released bool           `json:"released"`
	Foreign  bool           `json:"foreign"` // another city's, never verified
}

func (s suspendedLine) cells(l language.Language) []string {
	state := l.Choose("waits", "待处理")
	if s.Released {
		state = l.Choose("released", "已解除")
	}
	if s.Foreign {
		state += l.Choose("; foreign, unverified", "；外地卡，未验证")
	}
	return []string{s.Row, s.Reason.In(l), s.Fen.String(), s.Booked, state}
}

const suspendedHeader = "ROW\tREASON\t>YUAN\tBOOKED\tSTATE"

func suspenseListCommand() *ffcli.Command {
	c := newCommand("suspense list", "--from DAY --to DAY [--reason CODE] [--all]", "what was suspended in these clearing days and still waits", "")
	var of span
	of.register(c.flags)
	reason := c.flags.String("reason", "", "reason `code`, such as unknown_terminal")
	all := c.flags.Bool("all", false, "what was released, too")
	c.check = of.check
	return c.reads(func(ctx context.Context, b *books.Books) error {
		return list(c, suspendedHeader, suspendedLine.cells, func(add func(suspendedLine) error) error {
			office := &release.Office{Ledger: b.Ledger}
			first, last := of.days()
			return office.List(ctx, first, last, func(s release.Suspended) error {
				if s.Released && !*all || *reason != "" && string(s.Reason) != *reason {
					return nil
				}
				line := suspendedLine{release.RowName(s.Row), s.Reason, s.Fen, s.Booked.String(), s.Released, s.Foreign}
				if s.Owed {
					line.Fen = -line.Fen
				}
				return add(line)
			})
		})
	})
}
