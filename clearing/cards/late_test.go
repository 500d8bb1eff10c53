package cards_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/release"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/clearing/verify"
	"citycard/ledger"
)

// authority is the load authority over the counter's books.
func (c *counter) authority() (a *load.Authority, gatherer *ledger.Gatherer) {
	c.Helper()
	gatherer, err := load.NewPoster(c.Context(), c.Ledger, "authorised", "test", 0, nil)
	c.must(err)
	return &load.Authority{
		Registry: c.town.Registry, Keys: keys.NewKeyring(c.town.Keys), Poster: gatherer, Books: c.Ledger, Rules: c.town.Rules.Loads, Fresh: c.town.Rules.Fresh,
		Now: func() time.Time { return c.now }, Stream: "waiting", Owner: "test",
	}, gatherer
}

// pays places a load that waits for a card.
func (c *counter) pays(order, card string, fen ledger.Fen) {
	c.Helper()
	a, gatherer := c.authority()
	defer gatherer.Close()
	_, err := a.Place(c.Context(), &load.PlaceOrder{Channel: "counter", Order: order, Card: card, Fen: fen})
	c.must(err)
}

// tears authorises a load of which the card's word never comes; placed, it is one that waited.
func (c *counter) tears(order, card string, sequence uint16, fen ledger.Fen, placed bool) {
	c.Helper()
	a, gatherer := c.authority()
	defer gatherer.Close()
	r := c.town.LoadRequest(card, order, sequence, 0, uint32(fen), c.now)
	if placed {
		r.Placer = string(load.PlacedBy("counter"))
	}
	_, err := a.Authorise(c.Context(), r)
	c.must(err)
}

// ends wants nothing to be left of cards in the books.
func (c *counter) ends(list ...string) {
	c.Helper()
	for _, card := range list {
		for _, account := range []string{chart.Float, chart.Deposits} {
			if left := c.left(account, card); left != 0 {
				c.Errorf("%d fen are left of card %s on %s", left, card, account)
			}
		}
	}
}

// waits wants loads to wait for a card.
func (c *counter) waits(card string, want ...ledger.Fen) {
	c.Helper()
	var is []ledger.Fen
	for _, w := range c.find(card).Waiting {
		is = append(is, w.Fen)
	}
	slices.Sort(is)
	if fmt.Sprint(is) != fmt.Sprint(want) {
		c.Errorf("%v fen wait for card %s, want %v", is, card, want)
	}
}

var afterWait = time.Date(2026, 1, 14, 9, 0, 0, 0, time.UTC)

// TestLateMoney has money come late onto cards that are ended: of replaced ones it follows to the
// last card of the chain.
func TestLateMoney(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.now = afterWait
	c.follow(1, 1)
	c.loads(number(0), 2500) // a torn load was found late
	c.does(cards.Replace, number(1), another(number(2)), cash(600), shown("Li"))
	c.follow(1, 1)
	c.waits(number(2), 2500)
	c.follow(0, 0)
	c.loads(number(0), 100)
	c.follow(1, 0)
	c.waits(number(2), 100, 2500)
	c.ends(number(0), number(1))
	c.hold()
}

// TestOverdrawn has late taps overdraw cards that are ended: it is taken off the deposit of the
// card that took their place, and what that does not cover is borne by the issuer.
func TestOverdrawn(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.does(cards.Sell, number(2), product("ordinary"), cash(1000))
	c.does(cards.Sell, number(3), product("ordinary"), cash(1000))
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.does(cards.HandIn, number(2))
	c.loads(number(0), -300)
	c.loads(number(2), -1200)
	c.loads(number(3), -200)
	c.does(cards.Return, number(3), cash(-800))
	c.loads(number(3), 100) // late, too
	c.now = afterWait
	c.does(cards.Refund, number(2))
	c.follow(3, 2)
	c.waits(number(3), 100) // in its own name
	c.stands(number(1), cards.Active, 700)
	c.ends(number(0), number(2), number(3))
	if borne := c.balance(chart.Overdrawn); borne != -1200+1000 {
		t.Errorf("%d fen are borne", borne)
	}
	c.loads(number(0), -900)
	c.follow(1, 0)
	c.stands(number(1), cards.Active, 0)
	c.ends(number(0), number(1))
	c.rests()
	c.hold()
}

// rests wants a further look at all cards to book nothing, no empty batch either.
func (c *counter) rests() {
	c.Helper()
	batches := func() (n int) {
		c.must(c.Ledger.Pool().QueryRow(c.Context(), "SELECT count(*) FROM batches").Scan(&n))
		return n
	}
	before := batches()
	c.follow(0, 0)
	if after := batches(); after != before {
		c.Errorf("%d batches, and %d after a look at all cards", before, after)
	}
}

// TestWaitingGoesOver has loads that wait for a card wait for the one that takes its place. Torn
// ones follow once late words have come, but for one that had waited: the card may have it, so it
// waits for people.
func TestWaitingGoesOver(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.does(cards.Sell, number(3), product("ordinary"), cash(1000))
	c.pays("w-1", number(0), 2000)
	c.pays("w-2", number(0), 3000)
	c.pays("w-3", number(3), 1000)
	c.tears("w-2", number(0), 0, 3000, true)
	c.tears("t-1", number(0), 1, 5000, false)
	c.refused(c.order(cards.Return, number(3), cash(-1000)), "10.00 yuan wait for the card")
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.waits(number(1), 2000)
	c.pays("w-1", number(0), 2000) // the channel asks once more
	c.hold()
	c.now = afterWait
	c.follow(1, 1)
	c.waits(number(1), 2000, 5000)
	c.waits(number(0), 3000)
	c.ends(number(0))
	c.rests()
	c.hold()
	if fen := c.balance(chart.Unwritten); fen != 0 {
		t.Errorf("%d fen are on %s", fen, chart.Unwritten)
	}
	if found := c.forged("UPDATE waiting_loads SET card = (SELECT card FROM cards WHERE state = 'replaced') WHERE number = 'w-3'"); len(found) == 0 {
		t.Error("a load that waits for another card was not noticed")
	}
}

// TestTornAfterAll has the word of a torn load come after its money went to another card: what it
// brought goes back, once.
func TestTornAfterAll(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.tears("t-1", number(0), 1, 5000, false)
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.now = afterWait
	c.follow(1, 1)
	c.waits(number(1), 5000)
	c.becameOver("t-1")
	c.confirms(number(0), 1, 5000)
	c.follow(1, 0)
	c.follow(0, 0)
	c.waits(number(1), 5000)
	c.ends(number(0))
	if fen := c.balance(chart.Suspense(verdict.LoadNotPaid)); fen != 0 {
		t.Errorf("%d fen are in suspense", fen)
	}
	c.hold()
}

// TestTornIsAskedBack has somebody propose to give a torn load of a replaced card back to its
// channel: nothing goes over before that is decided.
func TestTornIsAskedBack(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.tears("t-1", number(0), 1, 5000, false)
	c.loads(number(0), 300)
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.now = afterWait
	card := identity.Card([]byte(subject(number(0))))
	exec := func(statement string, args ...any) {
		t.Helper()
		_, err := c.Ledger.Pool().Exec(t.Context(), statement, args...)
		c.must(err)
	}
	exec(`INSERT INTO proposals (number, kind, unit, approves, body, change, hash, proposer, signed, reason, at, expires, state, decider, decided, decided_at, note)
		VALUES (1, $1, 'issuer', '', $2, '{}', '', 'ann', '{}', '', 0, 99999999999, 'waiting', '', '', 0, '')`, release.KindRefund, fmt.Sprintf(`{"card":%q,"order":"t-1"}`, card.Digits()))
	c.follow(0, 1)
	c.waits(number(1))
	exec("UPDATE proposals SET body = $1", fmt.Sprintf(`{"card":%q,"order":"t-2"}`, card.Digits()))
	c.follow(1, 0)
	c.waits(number(1), 5300)
	exec("DELETE FROM proposals")
	c.ends(number(0))
	c.hold()
}

// becameOver wants an order's money to have gone with its card's balance: nobody gave it back, and
// an invoice may be asked for.
func (c *counter) becameOver(order string) {
	c.Helper()
	is, err := load.BecameOf(c.Context(), c.Ledger, "counter", order)
	if err != nil || is.State != load.StateOver {
		c.Errorf("order %s is %q, %v", order, is.State, err)
	}
	office := &load.Invoices{Ledger: c.Ledger, Owner: "test"}
	invoice, _, err := office.Ask(c.Context(), &load.AskInvoice{Channel: "counter", Order: order}, c.by())
	if err != nil || invoice.Fen != is.Fen {
		c.Errorf("the invoice of order %s is for %d fen of %d, %v", order, invoice.Fen, is.Fen, err)
	}
}

// confirms books the word of a card for a load whose order was given back.
func (c *counter) confirms(card string, sequence uint16, fen ledger.Fen) {
	c.Helper()
	out, err := c.Ledger.PostOnce(c.Context(), "words", "test", 0, func(b *ledger.Batch) error {
		b.Transfers = []ledger.Transfer{{
			Day: b.Day, Subject: subject(card), ID: identity.LoadWritten(load.TypeLoad, sequence), Debit: ledger.IDOfCode(chart.Suspense(verdict.LoadNotPaid)),
			Credit: ledger.IDOfCode(chart.Float), Amount: fen, Purpose: chart.PurposeLoad,
		}}
		b.Finish = func(ctx context.Context, tx pgx.Tx, _ *ledger.Outcome) ([]byte, error) {
			return nil, load.Keep(ctx, tx, &docket.Docket{Transfers: b.Transfers})
		}
		return nil
	})
	if err != nil || out.Transfers[0].Result != ledger.Inserted {
		c.Fatal(err, out)
	}
}

// TestLateBeforeOthers has what came late to the one card that is ended be owed at the first look,
// however many cards are not ended.
func TestLateBeforeOthers(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n := range 6 {
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
	}
	c.does(cards.Return, number(5), cash(-1000))
	c.loads(number(5), 100)
	if n, err := c.Late(t.Context(), new(cards.Rounds), 1); n != 1 || err != nil {
		t.Errorf("something was done of %d cards, %v", n, err)
	}
}

// TestLateAtOnce has several processes look at a card at once: what came late follows it once.
func TestLateAtOnce(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.now = afterWait
	c.follow(1, 1)
	c.loads(number(0), 2500)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := c.Late(t.Context(), new(cards.Rounds), 10); err != nil {
				t.Logf("it is done at the next look: %v", err)
			}
		})
	}
	all.Wait()
	c.late()
	c.waits(number(1), 2500)
	c.ends(number(0))
	c.hold()
}

// TestLostIsNotPaidFor has a lost card be overdrawn after it was replaced: its holder pays nothing.
func TestLostIsNotPaidFor(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.does(cards.ReportLoss, number(0), shown("Li"))
	c.does(cards.Replace, number(0), another(number(1)), cash(600), shown("Li"))
	c.loads(number(0), -300)
	c.now = afterWait
	c.follow(1, 1)
	c.stands(number(1), cards.Active, 1000)
	c.ends(number(0))
	c.hold()
}

// TestEmptiedLate returns a card whose tap, which emptied it, comes a day later than the counter's
// word: it is owed nothing meanwhile. What came to it beside that is.
func TestEmptiedLate(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	c.loads(number(0), 5000)
	c.does(cards.Return, number(0), cash(-1000), emptied(5000))
	c.follow(0, 0)
	c.waits(number(0))
	if f := c.find(number(0)); f.Emptying != 5000 {
		t.Errorf("%d fen are on their way, want 5000", f.Emptying)
	}
	c.loads(number(0), 300) // of a load that was torn
	c.follow(1, 0)
	c.waits(number(0), 300)
	c.missing(5000)
	c.now = c.now.AddDate(0, 0, 1)
	c.empties(number(0), 5000, "491030000001-20260105085900") // of an act that was given up
	c.loads(number(0), 5000)
	c.finds(0)
	c.empties(number(0), 1, emptyingTap)
	c.loads(number(0), 1)
	c.finds(0)
	c.empties(number(0), 5000, emptyingTap)
	c.finds(1)
	c.missing()
	c.follow(0, 0)
	c.waits(number(0), 300)
	if f := c.find(number(0)); f.Emptying != 0 {
		t.Errorf("%d fen are on their way, and the tap has come", f.Emptying)
	}
	c.ends(number(0))
	c.hold()
	c.names([]forgery{
		{"DELETE FROM emptied_purses", verify.CardEmptied},
		{"UPDATE emptied_purses SET fen = 4999", verify.CardEmptied},
		{"UPDATE emptied_purses SET tap = '491030000001-20260105085900'", verify.CardEmptied},
		{"UPDATE emptied_purses SET unit = 'channel:shop'", verify.CardEmptied},
		{"UPDATE emptied_purses SET shift = 2", verify.CardEmptied},
		{"UPDATE emptied_purses SET step = 1", verify.CardEmptied},
	})
	c.does(cards.Sell, number(1), product("ordinary"), cash(1000))
	c.loads(number(1), 100)
	c.does(cards.Return, number(1), cash(-1000), emptied(100))
	c.names([]forgery{{"UPDATE emptied_purses SET booked = 20260106 WHERE fen = 100", verify.CardEmptied}})
}

// TestReturnedTorn returns a card that has a torn load on it, whose word comes after the tap that
// emptied the purse: nothing is borne meanwhile, and nothing is owed then.
func TestReturnedTorn(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	c.loads(number(0), 3000)
	c.tears("o-1", number(0), 1, 2000, false)
	c.does(cards.Return, number(0), cash(-1000), emptied(5000))
	c.empties(number(0), 5000, emptyingTap)
	c.finds(1)
	c.follow(0, 0)
	if left := c.left(chart.Float, number(0)); left != -2000 {
		t.Errorf("%d fen are left, want what the load will bring", left)
	}
	c.hold()
}

// finds has the office look for taps that emptied purses, and wants so many to have come.
func (c *counter) finds(want int) {
	c.Helper()
	n, err := c.Emptied(c.Context(), new(cards.Rounds), 100)
	if c.must(err); n != want {
		c.Errorf("%d taps have come, want %d", n, want)
	}
}

// missing wants the shifts of which taps are missing to miss so much.
func (c *counter) missing(want ...ledger.Fen) {
	c.Helper()
	list, err := c.Shifts(c.Context(), cards.ShiftsAsked{Missing: true, Limit: 10})
	c.must(err)
	var is []ledger.Fen
	for _, s := range list {
		is = append(is, s.Missing)
	}
	if !slices.Equal(is, want) {
		c.Errorf("%v fen are missing, want %v", is, want)
	}
}

// empties books a tap that emptied a purse at the counter.
func (c *counter) empties(card string, fen ledger.Fen, name string) {
	c.Helper()
	c.count++
	terminal, at, _ := strings.Cut(name, "-")
	evidence, err := proto.Marshal(&message.Tap{Debit: &message.Debit{Terminal: clearingtest.Hex(terminal), Time: clearingtest.Hex(at)}})
	c.must(err)
	day, err := ledger.ParseDay(at[:8])
	c.must(err)
	out, err := c.Ledger.PostOnce(c.Context(), "loads", "test", 0, func(b *ledger.Batch) error {
		b.Transfers = []ledger.Transfer{{
			Day: day, Subject: subject(card), ID: ledger.ID(fmt.Sprintf("\x7eempty %d", c.count)),
			Debit: ledger.IDOfCode(chart.Float), Credit: ledger.IDOfCode(chart.Channel("counter")), Amount: fen, Purpose: chart.PurposeEmptied, Evidence: evidence,
		}}
		return nil
	})
	if err != nil || out.Transfers[0].Result != ledger.Inserted {
		c.Fatal(err, out)
	}
}
