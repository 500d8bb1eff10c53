package cards_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/clearing/cards"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	"citycard/clearing/verify"
	"citycard/ledger"
)

// takesTwo wants an order to be refused for want of a second person.
func (c *counter) takesTwo(o *cards.Order, why string) {
	c.Helper()
	c.refused(o, why)
	_, err := c.Do(c.Context(), o, c.by())
	if two := (*cards.TwoError)(nil); !errors.As(err, &two) || two.Kind != cards.KindConsent {
		c.Errorf("%v", err)
	}
}

// asks has two people asked to let an order be done.
func (c *counter) asks(o *cards.Order, most ledger.Fen) (do func() error) {
	c.Helper()
	kind := cards.ConsentKind(c.Office)
	body, err := proposal.Body(o.Consent(most))
	c.must(err)
	shown, err := kind.Show(c.Context(), body)
	c.must(err)
	c.must(cards.ConsentEntry().Fits(body, shown))
	return func() error {
		_, err := kind.Do(c.Context(), body, shown, ledger.Approval{First: "cara", Second: "sue", Reason: "test", At: c.now})
		return err
	}
}

// notAsked wants a request for a consent to be refused as it is shown.
func (c *counter) notAsked(request cards.Consent, why string) {
	c.Helper()
	body, err := proposal.Body(request)
	c.must(err)
	if _, err := cards.ConsentKind(c.Office).Show(c.Context(), body); err == nil || !strings.Contains(err.Error(), why) {
		c.Errorf("%v, want %q", err, why)
	}
}

// TestByTwo refunds 200.01 and 200.00 yuan with a deposit of 10: one clerk gives back 200 alone.
func TestByTwo(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n, purse := range []ledger.Fen{19_001, 19_000} {
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
		c.loads(number(n), purse)
		c.does(cards.HandIn, number(n))
	}
	c.now = time.Date(2026, 1, 14, 9, 0, 0, 0, time.UTC)
	c.does(cards.Refund, number(1), cash(-20_000))

	o := c.order(cards.Refund, number(0), cash(-20_001))
	c.takesTwo(o, "200.01 yuan are given back or go over to another card: more than 200.00 yuan takes two people")
	if f := c.find(number(0)); len(f.May) == 0 || f.May[0].Two == nil {
		t.Errorf("what may be done does not say that it takes two: %+v", f.May)
	}
	do := c.asks(o, 20_001)
	c.must(do())
	if err := do(); err == nil || !strings.Contains(err.Error(), "was done, or let be done, before") {
		t.Errorf("once more: %v", err)
	}
	other := *o
	other.Salt = strings.Repeat("a", 64)
	c.refused(&other, "two people have let order "+o.Number+" be something else")
	c.hold()
	done, err := c.Do(t.Context(), o, c.by())
	c.must(err)
	if !done.Step.ByTwo || done.Repeated {
		t.Errorf("%+v", done)
	}
	c.stands(number(0), cards.Refunded, 0)
	if err := do(); err == nil {
		t.Error("a consent to an order that was done")
	}
	c.hold()
	c.names([]forgery{
		{"DELETE FROM card_consents", verify.CardConsent},
		{"UPDATE card_consents SET number = 'other'", verify.CardConsent},
		{`UPDATE card_consents SET content = '\x00'`, verify.CardConsent},
		{"UPDATE card_consents SET most = most + 1", verify.CardConsent},
		{"INSERT INTO card_consents SELECT unit, 'other', content, most FROM card_consents", verify.CardConsent},
	})
}

// TestPurseByTwo returns a card whose purse has more than one clerk gives alone, and replaces one
// that is nobody's.
func TestPurseByTwo(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n := range 2 {
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
		c.loads(number(n), 25_000)
	}
	back := c.order(cards.Return, number(0), cash(-1000), emptied(25_000))
	c.takesTwo(back, "260.00 yuan are given back")
	c.must(c.asks(back, 26_000)())
	less := *back
	less.Emptied = 24_999
	c.refused(&less, "be something else")
	if _, err := c.Do(t.Context(), back, c.by()); err != nil {
		t.Error(err)
	}
	c.loads(number(0), -25_000)
	c.does(cards.HandIn, number(1))
	over := c.order(cards.Replace, number(1), another(number(2)), cash(600))
	c.takesTwo(over, "260.00 yuan are given back or go over")
	c.must(c.asks(over, 26_000)())
	c.loads(number(1), 1) // the word of a torn load: more would go over than they have signed
	c.refused(over, "260.01 yuan are given back or go over to another card by now, and two people have let it be 260.00 at most")
	c.loads(number(1), -6001) // a late tap: one clerk could do it now, and two have signed it
	if done, err := c.Do(t.Context(), over, c.by()); err != nil || !done.Step.ByTwo {
		t.Errorf("%+v, %v", done, err)
	}
	c.stands(number(2), cards.Active, 1000)
	c.hold()
}

// inherits has the registry take over a person's card of the system before.
func (c *counter) inherits() string {
	c.Helper()
	const card = "03105070200000002001"
	c.registers(registry.Files{"cards.csv": strings.Join(registry.Cards.Columns(), ",") + "\n" + card + "," + clearingtest.Issuer + ",01,active,20130101,20261231,registered\n"})
	return card
}

// TestWhose has a certificate shown for a person's card of before: two people say whose it is.
func TestWhose(t *testing.T) {
	c := newCounter(t)
	c.open()
	card := c.inherits()
	c.does(cards.ReportBrief, card, shown("Wang")) // it lapses, and says nothing of whose it is
	lost := c.order(cards.ReportLoss, card, shown("Li"))
	c.takesTwo(lost, "whose it is takes two people")
	c.must(c.asks(lost, 0)())
	wang := *lost
	wang.Certificate = "Wang"
	c.refused(&wang, "be something else")
	if _, err := c.Do(t.Context(), lost, c.by()); err != nil {
		t.Error(err)
	}
	c.refused(c.order(cards.Find, card, shown("Wang")), "not the one of the card's holder")
	c.does(cards.Find, card, shown("Li"))
	c.hold()
}

// TestHandedInByAnybody has somebody hand in another person's card of before with a certificate:
// that says nothing of whose it is.
func TestHandedInByAnybody(t *testing.T) {
	c := newCounter(t)
	c.open()
	card := c.inherits()
	c.loads(card, 5000)
	c.does(cards.HandIn, card, shown("Eve"))
	c.takesTwo(c.order(cards.Replace, card, another(number(0)), shown("Eve"), cash(600)), "whose it is takes two people")
	c.hold()
}

// TestBadConsents asks for what two people cannot let be done.
func TestBadConsents(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	c.loads(number(0), 25_000)
	c.does(cards.HandIn, number(0))
	asked := func(edit func(*cards.Consent)) cards.Consent {
		o := c.order(cards.Refund, number(0), cash(-26_000))
		asked := o.Consent(26_000)
		edit(&asked)
		return asked
	}
	c.notAsked(asked(func(*cards.Consent) {}), "is paid from 20260114 on")
	c.now = time.Date(2026, 1, 14, 9, 0, 0, 0, time.UTC)
	for why, edit := range map[string]func(*cards.Consent){
		"order: want 1 to 64":          func(a *cards.Consent) { a.Order = "" },
		"channel: want the id":         func(a *cards.Consent) { a.Unit = "x y" },
		"do: \"burn\" is nothing":      func(a *cards.Consent) { a.Do = "burn" },
		"card: want the 20 digits":     func(a *cards.Consent) { a.Number = number(1) + "0" },
		"new: want the 20 digits":      func(a *cards.Consent) { a.NewNumber = number(1) },
		"do: want the number":          func(a *cards.Consent) { a.Emptied = 1 },
		"do: want the number of the c": func(a *cards.Consent) { a.Tap = emptyingTap },
		"signed was cash of -1.00":     func(a *cards.Consent) { a.Cash = -100 },
		"it cannot be done with such":  func(a *cards.Consent) { a.Do = cards.Extend },
		"the registry has no card":     func(a *cards.Consent) { a.Number, a.Card = "03105070209999999999", "****9999" },
		"one clerk does this alone":    func(a *cards.Consent) { a.Do, a.Cash, a.Most = cards.Find, 0, 0 },
		"260.00 yuan are given back ":  func(a *cards.Consent) { a.Most++ },
		"card: want the 20 digits of ": func(a *cards.Consent) { a.Card = "****0001" },
	} {
		c.notAsked(asked(edit), why)
	}
	c.hold()
}
