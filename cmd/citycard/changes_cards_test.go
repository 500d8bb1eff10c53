package main

import (
	"context"
	"fmt"
	"strings"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/registry"
	"citycard/ledger"
)

// livedCard is the number of the n-th blank card of the town.
func livedCard(n int) string { return fmt.Sprintf("0310507020000000020%d", n) }

// counter has a clerk sell cards, report one lost, replace and extend, in a shift that is closed.
// The registry follows but for what comes last.
func (l *lived) counter(staff *peopletest.Staff) {
	decided(l, "kim", "lee", people.ActEnrol, people.Enrolment{
		ID: "cara", Name: "Cara Ma", Unit: "channel:counter", Role: people.Clerk, Key: peopletest.Key(l, "cara").Public().String(),
	})
	set := l.town.Rules.Current()
	office := &cards.Office{
		Ledger: l.Ledger, Owner: "test",
		InForce: func(context.Context) (*cards.Figures, error) {
			return &cards.Figures{Products: set.Products, Calendar: set.Calendar, Now: noonOf(firstLived)}, nil
		},
		Token: func(context.Context, string) ([16]byte, error) { return [16]byte{1}, nil },
	}
	signed := func(act, what string) ledger.Approval {
		by, err := staff.SignedFor(l.Context(), staff.Sign(l, "cara", act, what, ""), act, "channel:counter")
		l.must(err)
		return by
	}
	shift := func(number string, ends bool) {
		o := &cards.ShiftOrder{Number: number, Channel: "counter", Counter: "1", Ends: ends, Counted: 4100}
		if !ends {
			o.Counted = 0
		}
		_, err := office.Shift(l.Context(), o, signed(o.Act(), o.What()))
		l.must(err)
	}
	count := 0
	does := func(do cards.Do, card, product, other string, cash ledger.Fen, paper string) {
		count++
		o := &cards.Order{
			Number: fmt.Sprintf("step-%d", count), Channel: "counter", Counter: "1", Do: do, Card: card, Product: product, New: other, Cash: cash, Certificate: paper,
			Salt: strings.Repeat("5a", 16),
		}
		said := o.Said()
		_, err := office.Do(l.Context(), o, signed(do.Act(), said.What()))
		l.must(err)
	}
	follow := func() {
		_, err := office.Follow(l.Context())
		l.must(err)
		l.must(l.town.Registry.Update(l.Context(), registry.NewStore(l.Pool()), l.adopt))
	}
	shift("open-1", false)
	does(cards.Sell, livedCard(0), "registered", "", 1000, "paper")
	does(cards.Sell, livedCard(1), "ordinary", "", 1000, "")
	does(cards.ReportLoss, livedCard(0), "", "", 0, "paper")
	does(cards.Extend, livedCard(1), "", "", 0, "")
	follow()
	does(cards.Replace, livedCard(0), "", livedCard(2), 600, "paper")
	follow()
	does(cards.ReportBrief, livedCard(2), "", "", 0, "paper")
	shift("close-1", true)
	shift("open-2", false)
}
