package cards_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/clearing/schema"
	"citycard/clearing/verify"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"
	books "citycard/ledger/verify"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

const today ledger.Day = 20260105 // a Monday

// number is the number of the n-th blank card of a town.
func number(n int) string { return fmt.Sprintf("031050702000000010%02d", n) }

// counter is a counter over new books, whose registry has blank cards of types 1, 2 and 3.
type counter struct {
	testing.TB
	*cards.Office
	now   time.Time
	town  *clearingtest.Town
	count int // of orders
}

func newCounter(t testing.TB) *counter {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	return counterAt(t, url, url)
}

// counterAt founds books at one URL, and works on them through another.
func counterAt(t testing.TB, url, through string) *counter {
	t.Helper()
	c := &counter{TB: t, now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	c.town = clearingtest.New(t, func(files map[string]string) {
		for n := range 60 {
			files["cards.csv"] += fmt.Sprintf("%s,%s,%02x,active,20130101,20261231\n", number(n), clearingtest.Issuer, n/20+1)
		}
		files["channels.csv"] = strings.ReplaceAll(files["channels.csv"], "20200101", "20130101")
		files["counters.csv"] = "terminal,channel,counter,effective_from,effective_to\n491030000001,counter,1,20130101,\n491030000002,counter,2,20130101,\n" +
			"491030000003,counter,3,20130101,20260104\n491030000004,counter,2,20130101,20260105\n491030000004,counter,1,20260106,\n"
		files["purses.csv"] += clearingtest.Card + "," + clearingtest.Issuer + ",2000,20260101\n"
	})
	direct := ledgertest.Connect(t, url, 4)
	c.town.Found(t, direct.Pool())
	c.must(direct.OpenDay(t.Context(), today))
	c.must(chart.Adopt(t.Context(), direct, "test", c.town.Registry.Current(), func(_ ledger.Transfer, err error) { t.Fatal(err) }))
	set := c.town.Rules.Current()
	c.Office = &cards.Office{
		Ledger: ledgertest.Connect(t, through, 4, ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)), Owner: "test",
		InForce: func(context.Context) (*cards.Figures, error) {
			return &cards.Figures{Products: set.Products, Calendar: set.Calendar, Contracts: set.Contracts, Now: c.now}, nil
		},
		Token: func(_ context.Context, certificate string) (token [16]byte, err error) {
			if certificate == "broken" {
				return token, &cards.OrderError{Field: "certificate", What: language.Textf("it is broken")}
			}
			sum := sha256.Sum256([]byte(certificate))
			return [16]byte(sum[:16]), nil
		},
		Supervises: func(_ context.Context, _ pgx.Tx, by ledger.Approval, unit people.Unit) error {
			if by.First == "sue" {
				return nil
			}
			return &people.DeniedError{Person: people.Person{ID: by.First}, Act: cards.ActAnothers, Unit: unit}
		},
	}
	return c
}

func (c *counter) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *counter) by() ledger.Approval { return ledger.Approval{First: "cara", At: c.now} }

// order is the next order of the counter.
func (c *counter) order(do cards.Do, card string, edit ...func(*cards.Order)) *cards.Order {
	c.count++
	o := &cards.Order{Number: fmt.Sprintf("o-%d", c.count), Channel: "counter", Counter: "1", Do: do, Card: card, Salt: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}
	for _, e := range edit {
		e(o)
	}
	return o
}

func cash(fen ledger.Fen) func(*cards.Order) { return func(o *cards.Order) { o.Cash = fen } }
func product(id string) func(*cards.Order)   { return func(o *cards.Order) { o.Product = id } }
func shown(paper string) func(*cards.Order)  { return func(o *cards.Order) { o.Certificate = paper } }
func another(card string) func(*cards.Order) { return func(o *cards.Order) { o.New = card } }
func emptied(fen ledger.Fen) func(*cards.Order) {
	return func(o *cards.Order) {
		if o.Emptied = fen; fen > 0 {
			o.Tap = emptyingTap
		}
	}
}

// emptyingTap is the tap that empties the purses of cards here.
const emptyingTap = "491030000001-20260105090000"

// does does one thing, which must be done.
func (c *counter) does(do cards.Do, card string, edit ...func(*cards.Order)) *cards.Done {
	c.Helper()
	done, err := c.Do(c.Context(), c.order(do, card, edit...), c.by())
	if err != nil {
		c.Fatalf("%s: %v", do, err)
	}
	return done
}

// open opens a shift, with an empty drawer.
func (c *counter) open() {
	c.Helper()
	_, err := c.Shift(c.Context(), c.opening("1", 0), c.by())
	c.must(err)
}

// opening is the order of a shift at a counter, whose terminal has the counter's name at its end.
func (c *counter) opening(at string, start ledger.Fen) *cards.ShiftOrder {
	c.count++
	return &cards.ShiftOrder{Number: fmt.Sprintf("o-%d", c.count), Channel: "counter", Counter: at, Do: cards.Opens, Start: start}
}

// closing is the order that closes it.
func (c *counter) closing(at string, loaded, counted ledger.Fen) *cards.ShiftOrder {
	c.count++
	return &cards.ShiftOrder{Number: fmt.Sprintf("o-%d", c.count), Channel: "counter", Counter: at, Do: cards.Closes, Loaded: loaded, Counted: counted}
}

func (c *counter) find(card string) *cards.Found {
	c.Helper()
	f, err := c.Find(c.Context(), card)
	c.must(err)
	return f
}

// stands wants a card to be in a state with a deposit.
func (c *counter) stands(card string, state cards.State, deposit ledger.Fen) {
	c.Helper()
	if f := c.find(card); f.State != state || f.Deposit != deposit {
		c.Errorf("card %s is %s with a deposit of %d, want %s and %d", card, f.State, f.Deposit, state, deposit)
	}
}

// balance is that of an account: credits less debits.
func (c *counter) balance(code string) ledger.Fen {
	c.Helper()
	sums, err := c.Ledger.Balance(c.Context(), code)
	c.must(err)
	return sums.CreditBalance()
}

// left is what a card's transfers left on an account.
func (c *counter) left(account, card string) ledger.Fen {
	c.Helper()
	fen, err := shadow.Balance(c.Context(), c.Ledger, ledger.IDOfCode(account), subject(card), shadow.AsOf{})
	c.must(err)
	return fen
}

func subject(card string) ledger.Subject {
	return identity.CardOf(clearingtest.CardID(card)).Subject()
}

// loads has a card's purse grow, as a paid load that was written does, and rides spend from it.
func (c *counter) loads(card string, fen ledger.Fen) {
	c.Helper()
	c.count++
	out, err := c.Ledger.PostOnce(c.Context(), "loads", "test", 0, func(b *ledger.Batch) error {
		t := ledger.Transfer{
			Day: b.Day, Subject: subject(card), ID: ledger.ID(fmt.Sprintf("\x7eload %d", c.count)),
			Debit: ledger.IDOfCode(chart.Channel("counter")), Credit: ledger.IDOfCode(chart.Float), Amount: fen, Purpose: chart.PurposeOpening,
		}
		if fen < 0 {
			t.Debit, t.Credit, t.Amount = ledger.IDOfCode(chart.Float), ledger.IDOfCode(chart.Operator("bus")), -fen
		}
		b.Transfers = []ledger.Transfer{t}
		return nil
	})
	if err != nil || out.Transfers[0].Result != ledger.Inserted {
		c.Fatal(err, out)
	}
}

// hold verifies all of the books.
func (c *counter) hold() {
	c.Helper()
	_, err := books.Books(c.Context(), c.Ledger, nil, func(f books.Fault) {
		if f.Kind != verify.Signature && f.Kind != verify.Decision { // nobody signs in these tests
			c.Errorf("%+v", f)
		}
	}, verify.Tables)
	c.must(err)
}

// TestSoldAndReturned works the table of docs/cards.md by hand: a card with a deposit of 10 yuan
// and a purse of 50, returned on the same day.
func TestSoldAndReturned(t *testing.T) {
	c := newCounter(t)
	c.open()
	done := c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	if done.Repeated || done.Step.Step != 1 || done.Step.Shift != 1 || len(done.Choice.Amounts) != 1 {
		t.Errorf("%+v", done)
	}
	c.stands(number(0), cards.Active, 1000)
	c.loads(number(0), 5000)
	c.loads(number(0), -160) // a ride
	if f := c.find(number(0)); f.Purse != 4840 || len(f.May) != 3 {
		t.Errorf("%+v", f)
	}
	c.refused(c.order(cards.Return, number(0), cash(-1000), emptied(4841)), "can have had 48.40 yuan at most")
	c.refused(c.order(cards.Replace, number(0), another(number(1)), cash(600)), "is nobody's")
	c.does(cards.Return, number(0), cash(-1000), emptied(4840))
	c.loads(number(0), -4840) // the tap that emptied the purse
	c.stands(number(0), cards.Returned, 0)
	if f := c.find(number(0)); len(f.May) != 0 || len(f.Steps) != 2 {
		t.Errorf("%+v", f)
	}
	for _, account := range []string{chart.Float, chart.Deposits, chart.Fees} {
		if left := c.left(account, number(0)); left != 0 {
			t.Errorf("%d fen are left of the card on %s", left, account)
		}
	}
	c.hold()
}

// TestOverdrawnAndReturned: of a deposit of 10 yuan, a card that owes 2 for its last trip gives 8
// back; one that was loaded with 50 meanwhile holds 48, and gives all 10 back. Nothing of either is
// left in the books.
func TestOverdrawnAndReturned(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n, load := range []ledger.Fen{0, 5000} {
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
		c.loads(number(n), 200)
		c.loads(number(n), -400) // the last trip
		back := ledger.Fen(-800)
		if load > 0 {
			c.loads(number(n), load)
			back = -1000
		}
		c.does(cards.Return, number(n), cash(back), emptied(max(load-200, 0)))
		if load > 0 {
			c.loads(number(n), 200-load) // the tap that emptied the purse
		}
		for _, account := range []string{chart.Float, chart.Deposits, chart.Overdrawn} {
			if left := c.left(account, number(n)); left != 0 {
				t.Errorf("%d fen are left of card %d on %s", left, n, account)
			}
		}
	}
	c.hold()
}

// TestDepositIsCut sells a card for 30 yuan before the cut of 2016-07-20, and gives 20 back after.
func TestDepositIsCut(t *testing.T) {
	c := newCounter(t)
	c.now = time.Date(2016, 7, 19, 23, 59, 59, 0, time.UTC)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(3000))
	c.refused(c.order(cards.CutDeposit, number(0)), "nothing is given back")
	c.now = c.now.Add(time.Second)
	c.does(cards.CutDeposit, number(0), cash(-2000))
	c.stands(number(0), cards.Active, 1000)
	c.refused(c.order(cards.CutDeposit, number(0)), "nothing is given back")
	c.does(cards.Return, number(0), cash(-1000))
	if held := c.balance(chart.Deposits); held != 0 {
		t.Errorf("%d fen of deposit are held", held)
	}
	c.hold()
}

// refused wants an order not to be done, and nothing in the books to change.
func (c *counter) refused(o *cards.Order, why string) {
	c.Helper()
	before := c.rows()
	_, err := c.Do(c.Context(), o, c.by())
	if err == nil || !strings.Contains(err.Error(), why) {
		c.Errorf("%s of %s: %v, want %q", o.Do, o.Card, err, why)
	}
	if after := c.rows(); after != before {
		c.Errorf("%s of %s was refused, and changed the books: %s -> %s", o.Do, o.Card, before, after)
	}
}

// rows counts those that a step could add to, and adds up what they have.
func (c *counter) rows() (all string) {
	c.Helper()
	c.must(c.Ledger.Pool().QueryRow(c.Context(), `SELECT concat_ws('/', (SELECT count(*) FROM journal), (SELECT count(*) FROM audit), (SELECT count(*) FROM cards),
		(SELECT count(*) FROM card_steps), (SELECT count(*) FROM card_orders), (SELECT sum(steps_fen) FROM shifts), (SELECT count(*) FROM shift_cash), (SELECT sum(handed_fen + later_fen) FROM shifts), (SELECT count(*) FROM registry_dues))`).Scan(&all))
	return all
}

// TestLostAndReplaced has a person's card lost, found, lost again and replaced.
func TestLostAndReplaced(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.loads(number(0), 3000)
	c.refused(c.order(cards.ReportLoss, number(0)), "certificate is missing")
	c.refused(c.order(cards.ReportLoss, number(0), shown("Wang")), "not the one of the card's holder")
	c.does(cards.ReportBrief, number(0), shown("Li"))
	c.stands(number(0), cards.Brief, 1000)
	c.does(cards.Find, number(0), shown("Li"))
	c.stands(number(0), cards.Active, 1000)
	c.does(cards.ReportLoss, number(0), shown("Li"))
	c.refused(c.order(cards.Refund, number(0), shown("Li"), cash(-4000)), "is paid from")
	c.refused(c.order(cards.Replace, number(0), another(number(20)), shown("Li"), cash(600)), "of type 2")
	c.does(cards.Replace, number(0), another(number(1)), shown("Li"), cash(600))
	c.stands(number(0), cards.Replaced, 0)
	c.stands(number(1), cards.Active, 1000)
	if left := c.left(chart.Deposits, number(0)); left != 0 {
		t.Errorf("%d fen of deposit are left of the old card", left)
	}
	if held := c.left(chart.Deposits, number(1)); held != 1000 {
		t.Errorf("%d fen of deposit are held of the new card", held)
	}
	c.hold()
}

// TestLapses has a loss that was reported for now lapse by rule.
func TestLapses(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.does(cards.ReportBrief, number(0), shown("Li"))
	c.now = c.now.AddDate(0, 0, 6)
	c.stands(number(0), cards.Brief, 1000)
	c.now = c.now.AddDate(0, 0, 1)
	c.stands(number(0), cards.Active, 1000)
	c.hold()
}

// TestUnreadable pays the money of a card that cannot be read after seven workdays, and what it is
// overdrawn comes off.
func TestUnreadable(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n, purse := range []ledger.Fen{4200, -150, 0} {
		card := number(n)
		c.does(cards.Sell, card, product("ordinary"), cash(1000))
		if purse != 0 {
			c.loads(card, purse)
		}
		c.does(cards.HandIn, card)
		c.refused(c.order(cards.Refund, card, cash(-1000-purse)), "is paid from 20260114 on")
	}
	c.now = time.Date(2026, 1, 14, 9, 0, 0, 0, time.UTC)
	c.refused(c.order(cards.Refund, number(0), cash(-5100)), "signed was cash")
	c.does(cards.Refund, number(0), cash(-5200))
	c.does(cards.Refund, number(1), cash(-850))
	c.does(cards.Refund, number(2), cash(-1000))
	for n := range 3 {
		c.stands(number(n), cards.Refunded, 0)
		for _, account := range []string{chart.Float, chart.Deposits} {
			if left := c.left(account, number(n)); left != 0 {
				t.Errorf("%d fen are left of card %d on %s", left, n, account)
			}
		}
	}
	c.hold()
}

// TestBadOrders sends what is not done, in words.
func TestBadOrders(t *testing.T) {
	c := newCounter(t)
	c.refused(c.order(cards.Sell, number(0), product("ordinary"), cash(1000)), "no shift is open")
	c.refused(c.order(cards.HandIn, clearingtest.Card), "no shift is open")
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	for why, o := range map[string]*cards.Order{
		"only a new card is sold":     c.order(cards.Sell, number(0), product("ordinary"), cash(1000)),
		"was used before":             c.order(cards.Sell, clearingtest.Card, product("ordinary"), cash(1000)),
		"has no card ****0099":        c.order(cards.Sell, clearingtest.Stranger, product("ordinary"), cash(1000)),
		"no product \"gold\" is sold": c.order(cards.Sell, number(1), product("gold"), cash(1000)),
		"of card type 2":              c.order(cards.Sell, number(1), product("senior"), shown("Li")),
		"is blocked or listed":        c.order(cards.Sell, clearingtest.BlockedCard, product("ordinary"), cash(1000)),
		"has expired":                 c.order(cards.Sell, clearingtest.ExpiredCard, product("ordinary"), cash(1000)),
		"the card is nobody's":        c.order(cards.ReportLoss, number(0)),
		"signed was cash of 9.00":     c.order(cards.Sell, number(1), product("ordinary"), cash(900)),
		"is good until":               c.order(cards.Extend, number(0)),
		"certificate: it is broken":   c.order(cards.Sell, number(21), product("senior"), shown("broken")),
		"it cannot be done with such": c.order(cards.Refund, number(0)),
		"order: want 1 to 64":         {Channel: "counter", Counter: "1", Do: cards.Find, Card: number(0)},
		"channel: want the id":        {Number: "x", Channel: "a b", Counter: "1", Do: cards.Find, Card: number(0)},
		"not registered today":        c.order(cards.Find, number(0), func(o *cards.Order) { o.Channel = "tram" }),
		"salt: want 64 hexadecimal":   {Number: "x", Channel: "counter", Counter: "1", Do: cards.Find, Card: number(0), Salt: "x"},
		"card: want the 19":           {Number: "x", Channel: "counter", Counter: "1", Do: cards.Find, Card: "12"},
		"do: \"burn\" is nothing":     {Number: "x", Channel: "counter", Counter: "1", Do: "burn", Card: number(0)},
		"new: want the number":        {Number: "x", Channel: "counter", Counter: "1", Do: cards.Replace, Card: number(0)},
		"product: want the product":   {Number: "x", Channel: "counter", Counter: "1", Do: cards.Sell, Card: number(0)},
		"emptied_tap: want":           {Number: "x", Channel: "counter", Counter: "1", Do: cards.Return, Card: number(0), Emptied: 1, Tap: "x", Salt: strings.Repeat("0", 64)},
		"emptied_fen: want":           {Number: "x", Channel: "counter", Counter: "1", Do: cards.Extend, Card: number(0), Emptied: 1},
	} {
		c.refused(o, why)
	}
	c.hold()
}

// TestAgain repeats orders: the same one does nothing more, another one under its number nothing.
func TestAgain(t *testing.T) {
	c := newCounter(t)
	c.open()
	o := c.order(cards.Sell, number(0), product("ordinary"), cash(1000))
	o.Number = `a"b\c<d` // its JSON is not what bytea reads as text
	first, err := c.Do(t.Context(), o, c.by())
	c.must(err)
	before := c.rows()
	again, err := c.Do(t.Context(), o, c.by())
	c.must(err)
	if !again.Repeated || again.Step.Step != first.Step.Step || again.Choice.Cash() != 1000 {
		t.Errorf("again: %+v", again)
	}
	other := *o
	other.Card = number(1)
	c.refused(&other, "was another order before")
	if after := c.rows(); after != before {
		t.Error("a repeated order changed the books")
	}
	c.hold()
}

// TestCut cuts the connection at each of the first answers of a commit, before and behind it, and
// has the counter ask again: each order is done once.
func TestCut(t *testing.T) {
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	cutter, through := ledgertest.NewCutter(t, url)
	c := counterAt(t, url, through)
	c.open()
	for n := range 3 {
		for at, answered := range []bool{false, true} {
			card := number(2*n + at)
			o := c.order(cards.Sell, card, product("ordinary"), cash(1000))
			cutter.Arm(n+1, answered)
			for tries := 0; ; tries++ {
				if _, err := c.Do(t.Context(), o, c.by()); err == nil {
					break
				} else if tries == 5 {
					t.Fatal(err)
				}
			}
			cutter.Disarm()
			c.stands(card, cards.Active, 1000)
			if steps := c.find(card).Steps; len(steps) != 1 {
				t.Errorf("%d steps", len(steps))
			}
		}
	}
	if got := c.balance(chart.Deposits); got != 6000 {
		t.Errorf("deposits of %d fen, want 6000", got)
	}
	c.hold()
}
