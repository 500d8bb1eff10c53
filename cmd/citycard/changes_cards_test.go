package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"citycard/clearing/cards"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/registry"
	"citycard/clearing/stock"
	"citycard/clearing/transit/load"
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
	left := ledger.Fen(0)
	shift := func(number string, ends bool) {
		o := &cards.ShiftOrder{Number: number, Channel: "counter", Counter: "1", Do: cards.Closes, Counted: 4100}
		if !ends {
			o.Do, o.Counted, o.Start = cards.Opens, 0, left
		}
		_, err := office.Shift(l.Context(), o, signed(o.Act(), o.What()))
		l.must(err)
		left = 4100
	}
	count := 0
	does := func(do cards.Do, card, product, other string, cash ledger.Fen, paper string) {
		count++
		o := &cards.Order{
			Number: fmt.Sprintf("step-%d", count), Channel: "counter", Counter: "1", Do: do, Card: card, Product: product, New: other, Cash: cash, Certificate: paper,
			Salt: strings.Repeat("5a", 16) + strings.Repeat("6b", 16),
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
	l.stock(office, staff, signed)
	shift("open-1", false)
	does(cards.Sell, livedCard(0), "registered", "", 1000, "paper")
	does(cards.Sell, livedCard(1), "ordinary", "", 1000, "")
	does(cards.ReportLoss, livedCard(0), "", "", 0, "paper")
	does(cards.Extend, livedCard(1), "", "", 0, "")
	does(cards.HandIn, livedCard(1), "", "", 0, "")
	follow()
	does(cards.Replace, livedCard(0), "", livedCard(2), 600, "paper")
	follow()
	does(cards.ReportBrief, livedCard(2), "", "", 0, "paper")
	shift("close-1", true)
	shift("open-2", false)
	does(cards.Sell, livedCard(3), "social", "", 0, "paper")
	back := cards.Order{Number: "back", Channel: "counter", Counter: "1", Do: cards.Return, Card: livedCard(5), Emptied: 500, Tap: "491030000001-20260105090000", Salt: strings.Repeat("9e", 32)}
	said := back.Said()
	_, err := office.Do(l.Context(), &back, signed(back.Do.Act(), said.What()))
	l.must(err)
	lost := cards.Order{Number: "whose", Channel: "counter", Counter: "1", Do: cards.ReportLoss, Card: livedCard(4), Certificate: "paper", Salt: strings.Repeat("7c", 32)}
	decided(l, "cara", "sara", cards.KindConsent, lost.Consent(0))
	l.bank(office, staff)
	l.invoices(staff, signed)
}

// bank takes a file of the bank, with a row that does not fit.
func (l *lived) bank(office *cards.Office, staff *peopletest.Staff) {
	text := "number,state,day,sequence\n" + livedCard(3) + ",active,20260105,1\n" + livedCard(1) + ",active,20260105,1\n"
	file, err := cards.ReadBankFile(fmt.Appendf(nil, "%ssha256,2,%x\n", text, sha256.Sum256([]byte(text))))
	l.must(err)
	taken, _, err := office.TakeBank(l.Context(), file, staff.Alone(l, "ann", cards.ActBank, file.What(), "daily"))
	if l.must(err); taken.Done != 1 || len(taken.Rejects) != 1 {
		l.Errorf("the bank's file: %+v", taken)
	}
}

// invoices has the channel ask for two invoices, and takes a file with the answer to one and a row
// that does not fit.
func (l *lived) invoices(staff *peopletest.Staff, signed func(act, what string) ledger.Approval) {
	office := &load.Invoices{Ledger: l.Ledger, Owner: "test"}
	for _, order := range []string{"waits", "taken"} {
		ask := &load.AskInvoice{Channel: "counter", Order: order}
		_, _, err := office.Ask(l.Context(), ask, signed(load.ActAskInvoice, ask.What()))
		l.must(err)
	}
	text := "channel,order,do,amount,result,invoice\ncounter,waits,issue,20.00,done,24952000000000000001\ncounter,nobody's,issue,1.00,done,7\n"
	answers, err := load.ReadAnswers(fmt.Appendf(nil, "%ssha256,2,%x\n", text, sha256.Sum256([]byte(text))))
	l.must(err)
	by := staff.Alone(l, "ann", load.ActAnswers, answers.What(), "december")
	taken, _, err := office.Take(l.Context(), answers, by)
	if l.must(err); taken.Done != 1 || len(taken.Rejects) != 1 {
		l.Errorf("answers about invoices: %+v", taken)
	}
}

// stock has blanks received, moved, made into cards, spoilt and counted. The registry gets one of
// two cards.
func (l *lived) stock(office *cards.Office, staff *peopletest.Staff, signed func(act, what string) ledger.Approval) {
	const shop people.Unit = "channel:counter"
	decided(l, "kim", "lee", people.ActEnrol, people.Enrolment{
		ID: "sara", Name: "Sara Hu", Unit: shop, Role: people.Supervisor, Key: peopletest.Key(l, "sara").Public().String(),
	})
	two(l, stock.KindReceive, stock.Receipt{Store: people.Issuer, Kind: stock.Card, Product: "ordinary", Serials: []stock.Range{{First: 1, Last: 100}}})
	two(l, stock.KindReceive, stock.Receipt{Store: people.Issuer, Kind: stock.SAM, Serials: []stock.Range{{First: 1, Last: 9}}})
	decided(l, "ann", "sara", stock.KindMove, stock.Moving{From: people.Issuer, To: shop, Kind: stock.Card, Serials: []stock.Range{{First: 1, Last: 50}}})
	for n := range 2 {
		report := &cards.Report{Store: shop, Lines: []cards.ReportLine{{Line: 1, Serial: int64(10 * n)}, {Line: 2, Serial: int64(10*n + 1), Made: &stock.Made{
			Number: fmt.Sprintf("0310507020000000030%d", n), Issuer: clearingtest.Issuer, Type: 1, Begins: 20200101, Expires: 20401231,
		}}}}
		said, err := report.Said()
		l.must(err)
		by, err := staff.SignedFor(l.Context(), staff.Sign(l, "ann", cards.ActIssue, said.What(), ""), cards.ActIssue, shop)
		l.must(err)
		_, err = office.Issue(l.Context(), report, by)
		l.must(err)
		if n == 0 {
			_, err = office.FollowIssued(l.Context())
			l.must(err)
			l.must(l.town.Registry.Update(l.Context(), registry.NewStore(l.Pool()), l.adopt))
		}
	}
	spoilt := stock.Spoiling(shop, "s-1", stock.Card, stock.Range{First: 40, Last: 41})
	_, err := office.Stock().Spoil(l.Context(), spoilt, signed(spoilt.Act(), spoilt.What()))
	l.must(err)
	counted, ranges, err := stock.Counting(shop, "s-2", stock.Card, []stock.Range{{First: 2, Last: 39}})
	l.must(err)
	_, err = office.Stock().Count(l.Context(), counted, ranges, signed(counted.Act(), counted.What()))
	l.must(err)
}
