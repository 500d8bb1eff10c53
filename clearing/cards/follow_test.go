package cards_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
)

// follow has the program do what is due.
func (c *counter) follow(byRule, followed int) {
	c.Helper()
	n, err := c.ByRule(c.Context(), new(cards.Rounds), 100)
	c.must(err)
	n += c.late()
	m, err := c.Follow(c.Context())
	c.must(err)
	if n != byRule || m != followed {
		c.Errorf("%d by rule and %d in the registry, want %d and %d", n, m, byRule, followed)
	}
}

// late has what came late follow cards that are ended, and those that nobody uses become inactive,
// in pages of two.
func (c *counter) late() (n int) {
	c.Helper()
	var all int
	c.must(c.Ledger.Pool().QueryRow(c.Context(), "SELECT count(*) FROM cards").Scan(&all))
	at := new(cards.Rounds)
	for range all/2 + 1 {
		late, err := c.Late(c.Context(), at, 2)
		c.must(err)
		changed, err := c.Disused(c.Context(), at, 2)
		c.must(err)
		n += late + changed
	}
	return n
}

// listed wants a card to be on the hotlist now, or not.
func (c *counter) listed(card string, want bool) {
	c.Helper()
	if f := c.find(card); f.Listed != want {
		c.Errorf("card %s is listed: %t, want %t", card, f.Listed, want)
	}
}

// TestListed has cards come onto the hotlist and leave it, as their holders report.
func TestListed(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n := range 3 {
		c.does(cards.Sell, number(n), product("registered"), cash(1000), shown("Li"))
	}
	c.follow(0, 0)
	c.does(cards.ReportLoss, number(0), shown("Li"))
	c.does(cards.ReportBrief, number(1), shown("Li"))
	c.listed(number(0), false)
	c.follow(0, 2)
	c.follow(0, 0)
	c.listed(number(0), true)
	c.listed(number(1), true)
	c.now = c.now.Add(time.Hour)
	c.does(cards.ReportLoss, number(1), shown("Li")) // for good now
	c.does(cards.Find, number(0), shown("Li"))
	c.does(cards.HandIn, number(2), shown("Li"))
	c.follow(0, 3)
	c.now = c.now.Add(time.Second)
	c.listed(number(0), false)
	c.now = c.now.AddDate(0, 0, 30)
	c.listed(number(1), true)
	c.listed(number(2), true)
	c.hold()
	history, err := registry.History(t.Context(), c.Ledger)
	c.must(err)
	if len(history) != 3 {
		t.Errorf("%d versions of the registry, want 3", len(history))
	}
}

// TestLapsesByRule has a loss for now lapse, in the books and on the hotlist.
func TestLapsesByRule(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.does(cards.ReportBrief, number(0), shown("Li"))
	c.follow(0, 1)
	c.listed(number(0), true)
	c.now = time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC)
	c.listed(number(0), false)
	c.follow(1, 0)
	c.follow(0, 0)
	c.stands(number(0), cards.Active, 1000)
	if f := c.find(number(0)); len(f.Steps) != 3 || f.Steps[2].Person != "" {
		t.Errorf("%+v", f.Steps)
	}
	c.hold()
}

// TestBalanceFollows has the balance of a replaced card wait for the new one, once late taps have
// come: of a ride that came late too.
func TestBalanceFollows(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.loads(number(0), 5000)
	c.does(cards.ReportLoss, number(0), shown("Li"))
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.loads(number(0), -200) // a late tap
	c.follow(0, 1)
	if w := c.find(number(1)).Waiting; len(w) != 0 {
		t.Errorf("it waits too early: %+v", w)
	}
	c.now = time.Date(2026, 1, 14, 9, 0, 0, 0, time.UTC)
	c.follow(1, 0)
	c.follow(0, 0)
	if w := c.find(number(1)).Waiting; len(w) != 1 || w[0].Fen != 4800 {
		t.Errorf("what waits for the new card is %+v", w)
	}
	if left := c.left(chart.Float, number(0)); left != 0 {
		t.Errorf("%d fen are left on the old card", left)
	}
	if waits := c.balance(chart.Waiting); waits != 4800 {
		t.Errorf("%d fen wait", waits)
	}
	c.hold()
}

// TestByRuleGoesOn has the balances of two cards follow, of which the first one's cannot.
func TestByRuleGoesOn(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n := range 2 {
		c.does(cards.Sell, number(n), product("registered"), cash(1000), shown("Li"))
		c.loads(number(n), 5000)
		c.does(cards.ReportLoss, number(n), shown("Li"))
		c.does(cards.Replace, number(n), another(number(2+n)), cash(600), shown("Li"))
	}
	_, err := c.Ledger.Pool().Exec(t.Context(), "UPDATE cards SET stands = replace(stands, $1, $2)", number(2), "03105070299999999999")
	c.must(err)
	c.now = time.Date(2026, 1, 14, 9, 0, 0, 0, time.UTC)
	at := new(cards.Rounds)
	for look, want := range []int{0, 1, 0, 0} { // a card a look, the third look finds no more
		if n, err := c.ByRule(t.Context(), at, 1); (err != nil) != (look%3 == 0) || n != want {
			t.Errorf("%d by rule, %v; want %d, and that one fails", n, err, want)
		}
	}
	if w := c.find(number(3)).Waiting; len(w) != 1 || w[0].Fen != 5000 {
		t.Errorf("what waits for the second new card is %+v", w)
	}
}

// TestExtended extends an expired card: the registry has its new last day.
func TestExtended(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	c.now = time.Date(2027, 1, 4, 9, 0, 0, 0, time.UTC)
	if f := c.find(number(0)); !f.Expired {
		t.Errorf("%+v", f)
	}
	c.does(cards.Extend, number(0))
	c.follow(0, 1)
	f := c.find(number(0))
	if f.Expired || f.Expires != 20290104 {
		t.Errorf("it is good until %d", f.Expires)
	}
	edition, err := registry.NewStore(c.Ledger.Pool()).Load(t.Context())
	c.must(err)
	var expires []string
	rows, err := registry.NewStore(c.Ledger.Pool()).Rows(t.Context(), registry.Cards, number(0))
	c.must(err)
	for _, row := range rows {
		expires = append(expires, row.Fields["expires"])
	}
	if got := strings.Join(expires, " "); got != "20261231 20290104" || edition.Number() != 2 {
		t.Errorf("the registry has %s at version %d", got, edition.Number())
	}
	c.hold()
	c.now = c.now.AddDate(0, 0, 1) // people shorten it
	c.must(registry.NewFollower(c.Ledger).Follow(t.Context(), registry.ActFollow, registry.Files{"cards.csv": strings.Join(registry.Cards.Columns(), ",") +
		fmt.Sprintf("\n%s,%s,01,active,20270105,20270630,anonymous\n", number(0), clearingtest.Issuer)}, func(context.Context, pgx.Tx, int64) error { return nil }))
	shortened := func() {
		t.Helper()
		if f := c.find(number(0)); f.Expires != 20270630 {
			t.Errorf("it is good until %d, and people say 20270630", f.Expires)
		}
	}
	shortened()
	c.does(cards.HandIn, number(0))
	c.follow(0, 1)
	shortened()
}

// TestBriefReplaced replaces a card whose loss was reported for now: it stays on the hotlist for
// good, and its money waits its full time.
func TestBriefReplaced(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.loads(number(0), 5000)
	c.does(cards.ReportBrief, number(0), shown("Li"))
	c.follow(0, 1)
	c.now = c.now.AddDate(0, 0, 6) // the last day of the report
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.follow(0, 1)
	c.now = c.now.AddDate(0, 0, 3)
	c.listed(number(0), true)
	c.follow(0, 0)
	c.hold()
}

// TestReplacedTwice replaces the new card before the money of the old one has come: the money waits
// for the last card.
func TestReplacedTwice(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.loads(number(0), 4000)
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.does(cards.ReportLoss, number(1), shown("Li"))
	c.does(cards.Replace, number(1), another(number(2)), cash(600), shown("Li"))
	c.now = time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC)
	c.follow(2, 2)
	if w := c.find(number(2)).Waiting; len(w) != 1 || w[0].Fen != 4000 {
		t.Errorf("what waits for the last card is %+v", w)
	}
	c.hold()
}

// TestHandedInByMistake takes a card back from those that were handed in.
func TestHandedInByMistake(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	c.does(cards.HandIn, number(0))
	c.follow(0, 1)
	c.now = c.now.Add(time.Minute)
	c.does(cards.Find, number(0))
	c.follow(0, 1)
	c.now = c.now.Add(time.Minute)
	c.listed(number(0), false)
	c.stands(number(0), cards.Active, 1000)
	c.hold()
}
