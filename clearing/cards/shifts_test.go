package cards_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/schema"
	"citycard/clearing/transit/load"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// paysAt has the load authority book a load that is paid at a terminal.
func (c *counter) paysAt(terminal, card string, fen ledger.Fen) {
	c.Helper()
	c.must(c.pay(terminal, card, fen))
}

// pay has it try that.
func (c *counter) pay(terminal, card string, fen ledger.Fen) error {
	c.Helper()
	c.count++
	at, err := hex.DecodeString(terminal)
	c.must(err)
	request := &message.LoadRequest{Order: fmt.Sprintf("l-%d", c.count), Channel: "counter", Terminal: at, AmountFen: uint32(fen), OnlineSequence: uint32(c.count)}
	evidence, err := proto.Marshal(request)
	c.must(err)
	poster, err := load.NewPoster(c.Context(), c.Ledger, "authorised/1", "test", 0, func(string) bool { return true })
	c.must(err)
	defer poster.Close()
	done, err := poster.Post(c.Context(), []ledger.Transfer{{
		Day: identity.NoDay, Subject: subject(card), ID: identity.LoadAuthorised(identity.Load{Kind: load.TypeLoad, Sequence: uint16(c.count)}),
		Debit: ledger.IDOfCode(chart.Channel("counter")), Credit: ledger.IDOfCode(chart.Unwritten), Amount: fen, Purpose: chart.PurposeLoadAuthorised, Evidence: evidence,
	}})
	if err == nil && done[0].Result != ledger.Inserted {
		c.Fatal(done)
	}
	return err
}

// shifted does an order of a shift, as somebody.
func (c *counter) shifted(who string, o *cards.ShiftOrder) *cards.Shift {
	c.Helper()
	s, err := c.Shift(c.Context(), o, ledger.Approval{First: who, At: c.now})
	if err != nil {
		c.Fatalf("%s: %v", o.What(), err)
	}
	return s
}

func (c *counter) notShifted(who string, o *cards.ShiftOrder, why string) {
	c.Helper()
	before := c.rows()
	_, err := c.Shift(c.Context(), o, ledger.Approval{First: who, At: c.now})
	if err == nil || !strings.Contains(err.Error(), why) {
		c.Errorf("%s: %v, want %q", o.What(), err, why)
	}
	if after := c.rows(); after != before {
		c.Errorf("%s was refused, and changed the books: %s -> %s", o.What(), before, after)
	}
}

// byTwo is the signature of two, the second of whom receives the cash, or looks at it.
func (c *counter) byTwo(first string) ledger.Approval {
	return ledger.Approval{First: first, Second: "tom", Reason: "test", At: c.now}
}

// twice does an order of a shift by two, as they are shown it.
func (c *counter) twice(who string, o *cards.ShiftOrder) {
	c.Helper()
	kind := cards.CashKind(c.Office)
	body, err := proposal.Body(o)
	c.must(err)
	shown, err := kind.Show(c.Context(), body)
	c.must(err)
	c.must(cards.CashEntry().Fits(body, shown))
	_, err = kind.Do(c.Context(), body, shown, c.byTwo(who))
	c.must(err)
}

// shiftTakesTwo wants an order not to be done by one.
func (c *counter) shiftTakesTwo(who string, o *cards.ShiftOrder, why string) {
	c.Helper()
	c.notShifted(who, o, why)
	_, err := c.Shift(c.Context(), o, ledger.Approval{First: who, At: c.now})
	if two := (*cards.TwoError)(nil); !errors.As(err, &two) || two.Kind != cards.KindCash {
		c.Errorf("%s: %v", o.What(), err)
	}
}

// handing is an order that hands cash over.
func (c *counter) handing(fen ledger.Fen) *cards.ShiftOrder {
	c.count++
	return &cards.ShiftOrder{Number: fmt.Sprintf("o-%d", c.count), Channel: "counter", Counter: "1", Do: cards.HandsOver, Handed: fen, To: cards.ToSafe}
}

// TestShifts closes shifts that are right, short and over: each begins with what the one before has
// left, and has the loads of the books, whatever the counter says.
func TestShifts(t *testing.T) {
	c := newCounter(t)
	start := ledger.Fen(0)
	for n, over := range []ledger.Fen{0, -100, 250} {
		c.notShifted("cara", c.closing("1", 0, 0), "no shift is open")
		c.notShifted("cara", c.opening("1", start+1), "has left "+start.String())
		opens := c.opening("1", start)
		c.shifted("cara", opens)
		c.notShifted("cara", c.opening("1", start), "is open at counter 1")
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
		c.paysAt("491030000001", number(n), 30_000)
		if s := c.shifted("cara", opens); !s.Repeated || s.Loaded != 30_000 || s.Expected() != start+31_000 {
			t.Errorf("opened again: %+v", s)
		}
		expected := start + 31_000
		closes := c.closing("1", 100, expected+over)
		s := c.shifted("cara", closes)
		if s.Expected() != expected || s.Difference() != over || s.ClosedBy != "cara" || s.Loaded != 30_000 || s.Claimed != 100 {
			t.Errorf("%+v", s)
		}
		again := c.shifted("cara", closes)
		if !again.Repeated || again.Difference() != s.Difference() || again.Number != s.Number {
			t.Errorf("again: %+v", again)
		}
		start = expected + over
		c.now = c.now.Add(time.Hour)
	}
	if got := c.balance(chart.Differences); got != 150 {
		t.Errorf("differences of %d fen, want -100 + 250", got)
	}
	list, err := c.Shifts(t.Context(), cards.ShiftsAsked{Unit: "channel:counter", Before: 3, Limit: 1})
	if err != nil || len(list) != 1 || list[0].Number != 2 || list[0].Start != 31_000 {
		t.Errorf("%+v %v", list, err)
	}
	c.hold()
}

// TestShiftIsOwn has what moves cash in a shift done by who has opened it, or by a supervisor.
func TestShiftIsOwn(t *testing.T) {
	c := newCounter(t)
	c.open()
	sells := c.order(cards.Sell, number(0), product("ordinary"), cash(1000))
	_, err := c.Do(t.Context(), sells, ledger.Approval{First: "dora", At: c.now})
	if err == nil || !strings.Contains(err.Error(), "shift 1 is of cara") {
		t.Error(err)
	}
	c.notShifted("dora", c.closing("1", 0, 0), "shift 1 is of cara")
	c.notShifted("dora", c.handing(1), "shift 1 is of cara")
	_, err = c.Do(t.Context(), sells, ledger.Approval{First: "sue", At: c.now})
	c.must(err)
	if s := c.shifted("sue", c.closing("1", 0, 1000)); s.ClosedBy != "sue" || s.OpenedBy != "cara" {
		t.Errorf("%+v", s)
	}
	c.hold()
}

// TestCashIsHandedOver takes cash out of an open shift, and of what a closed one has left.
func TestCashIsHandedOver(t *testing.T) {
	c := newCounter(t)
	c.notShifted("cara", c.handing(1), "had no shift yet")
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	c.paysAt("491030000001", number(0), 5000)
	c.notShifted("cara", c.handing(6001), "60.00 yuan should be in the drawer")
	first := c.handing(2000)
	c.shiftTakesTwo("cara", first, "who receives the 20.00 yuan signs")
	c.twice("cara", first)
	if s := c.shifted("cara", first); !s.Repeated || s.Handed != 2000 {
		t.Errorf("%+v", s)
	}
	if handed, owes := c.balance(chart.Handed("counter")), c.balance(chart.Channel("counter")); handed != -2000 || owes != -4000 {
		t.Errorf("%d fen are handed over, and the channel owes %d", -handed, -owes)
	}
	if s := c.shifted("cara", c.closing("1", 5000, 4000)); s.Difference() != 0 {
		t.Errorf("%+v", s)
	}
	c.twice("cara", c.handing(3000))
	list, err := c.HandedOver(t.Context(), "channel:counter", 0, 5)
	if err != nil || len(list) != 2 || list[0].Fen != 3000 || list[0].Person != "cara" || list[0].Second != "tom" || list[1].Order != first.Number || list[1].To != cards.ToSafe {
		t.Errorf("%+v %v", list, err)
	}
	if list, err := c.HandedOver(t.Context(), "", list[0].Entry, 5); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	c.notShifted("cara", c.handing(1001), "10.00 yuan should be in the drawer")
	c.notShifted("dora", c.opening("1", 4000), "has left 10.00 yuan")
	if s := c.shifted("dora", c.opening("1", 1000)); s.Due != 1000 || s.Loaded != 0 {
		t.Errorf("%+v", s)
	}
	if s := c.shifted("dora", c.closing("1", 0, 1000)); s.Difference() != 0 {
		t.Errorf("%+v", s)
	}
	c.hold()
}

// TestLoadsAreSomebodys refuses loads at terminals of no open shift; the others are the cash of the
// shift that is open there.
func TestLoadsAreSomebodys(t *testing.T) {
	c := newCounter(t)
	none := func(terminal string) {
		t.Helper()
		before := c.rows()
		if err := c.pay(terminal, number(0), 700); err == nil || !strings.Contains(err.Error(), "a shift was closed just now") {
			t.Errorf("a load at terminal %s: %v", terminal, err)
		}
		if after := c.rows(); after != before {
			t.Errorf("it changed the books: %s -> %s", before, after)
		}
	}
	none("491030000001")
	c.open()
	none("491030000002") // that of counter 2
	none("499999999999")
	c.shifted("cara", c.opening("2", 0))
	c.paysAt("491030000004", number(1), 500)
	c.paysAt("491030000001", number(0), 3000)
	if s := c.shifted("cara", c.closing("2", 0, 500)); s.Loaded != 500 || s.Difference() != 0 {
		t.Errorf("%+v", s)
	}
	none("491030000002")
	if s := c.shifted("cara", c.closing("1", 0, 3000)); s.Loaded != 3000 || s.Difference() != 0 {
		t.Errorf("%+v", s)
	}
	none("491030000001")
	c.hold()
}

// TestOpensOtherwise begins a shift not as the one before has left it: with other cash.
func TestOpensOtherwise(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.shifted("cara", c.closing("1", 0, 0))
	other := c.opening("1", 20_000)
	c.notShifted("cara", other, "has left 0.00 yuan in the drawer")
	other.Otherwise = true
	c.shiftTakesTwo("sue", other, "0.00 yuan were left and 200.00 are there: more than 50.00 yuan of a day")
	c.twice("sue", other)
	if s := c.shifted("sue", other); !s.Repeated || s.Start != 20_000 || s.Due != 0 {
		t.Errorf("%+v", s)
	}
	c.shifted("sue", c.closing("1", 0, 20_000))
	c.now = c.now.Add(time.Hour)
	less := c.opening("1", 15_000) // what is gone is of who says so
	less.Otherwise = true
	c.shifted("sue", less)
	if got, owes := c.balance(chart.Differences), c.balance(chart.Channel("counter")); got != 15_000 || owes != -15_000 {
		t.Errorf("differences of %d fen, and the channel owes %d", got, -owes)
	}
	of, err := c.Differences(t.Context(), cards.DifferencesAsked{From: today, To: today, Limit: 5})
	if want := (cards.DifferencesOf{Person: "sue", Unit: "channel:counter", Times: 2, Over: 20_000, Short: 5000, Alone: 5000}); err != nil || len(of) != 1 || of[0] != want {
		t.Errorf("%+v %v", of, err)
	}
	c.hold()
}

// TestMeanwhile has two people sign what is not so any more as it is done.
func TestMeanwhile(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	kind := cards.CashKind(c.Office)
	body, err := proposal.Body(c.handing(1000))
	c.must(err)
	shown, err := kind.Show(t.Context(), body)
	c.must(err)
	c.shifted("cara", c.closing("1", 0, 1000))
	before := c.rows()
	if _, err := kind.Do(t.Context(), body, shown, c.byTwo("cara")); err == nil || !strings.Contains(err.Error(), "opened or closed at the counter meanwhile") {
		t.Error(err)
	}
	if after := c.rows(); after != before {
		t.Errorf("it changed the books: %s -> %s", before, after)
	}
	c.hold()
}

// TestSmallDifferences books differences that are each below the figure: together they may not be
// above it, nor above the month's.
func TestSmallDifferences(t *testing.T) {
	c := newCounter(t)
	drawer := ledger.Fen(0)
	short := func(fen ledger.Fen) *cards.ShiftOrder {
		c.shifted("cara", c.opening("1", drawer))
		c.paysAt("491030000001", number(0), 10_000)
		drawer += 10_000 - fen
		return c.closing("1", 0, drawer)
	}
	c.shifted("cara", short(3000))
	c.shifted("cara", short(-2000))
	order := short(1)
	c.shiftTakesTwo("cara", order, "more than 50.00 yuan of a day together")
	c.twice("cara", order)
	for range 3 {
		c.now = c.now.AddDate(0, 0, 1)
		c.shifted("cara", short(5000))
	}
	c.now = c.now.AddDate(0, 0, 1)
	order = short(-1)
	c.shiftTakesTwo("cara", order, "more than 200.00 yuan of a month together takes two people (cara has said 0.00 yuan of the day and 200.00 of the month alone before)")
	c.twice("cara", order)
	c.now = c.now.AddDate(0, 1, 0)
	c.shifted("cara", short(5000))
	of, err := c.Differences(t.Context(), cards.DifferencesAsked{Unit: "channel:counter", From: today, To: 20260131, Limit: 5})
	if want := (cards.DifferencesOf{Person: "cara", Unit: "channel:counter", Times: 7, Over: 2001, Short: 18_001, Alone: 20_000}); err != nil || len(of) != 1 || of[0] != want {
		t.Errorf("%+v %v", of, err)
	}
	if _, err := c.Differences(t.Context(), cards.DifferencesAsked{From: 20260201, To: today, Limit: 5}); err == nil {
		t.Error("a month that ends before it begins is added up")
	}
	c.hold()
}

// TestRegisteredCounters opens shifts at the counters that the registry has that day, with their
// terminals of that day.
func TestRegisteredCounters(t *testing.T) {
	c := newCounter(t)
	c.notShifted("cara", c.opening("9", 0), "no terminal at counter 9")
	c.notShifted("cara", c.opening("3", 0), "no terminal at counter 3") // not any more
	if s := c.shifted("cara", c.opening("2", 0)); s.Terminals != "491030000002 491030000004" {
		t.Errorf("%+v", s)
	}
	c.now = c.now.Add(24 * time.Hour)
	c.notShifted("cara", c.opening("1", 0), "has terminals of these, at counter 2") // one was moved over night
	c.shifted("cara", c.closing("2", 0, 0))
	if s := c.shifted("cara", c.opening("1", 0)); s.Terminals != "491030000001 491030000004" {
		t.Errorf("%+v", s)
	}
	c.hold()
}

// TestDifferenceByTwo closes a shift whose difference is larger than one person may book.
func TestDifferenceByTwo(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.paysAt("491030000001", number(0), 10_000)
	order := c.closing("1", 0, 4999)
	c.notShifted("cara", order, "100.00 yuan are expected and 49.99 are counted: more than 50.00 yuan of a day together takes two people")
	_, err := c.Shift(t.Context(), order, ledger.Approval{First: "cara", At: c.now})
	if two := (*cards.TwoError)(nil); !errors.As(err, &two) || two.Kind != cards.KindCash {
		t.Errorf("%v", err)
	}
	kind := cards.CashKind(c.Office)
	body, err := proposal.Body(order)
	c.must(err)
	shown, err := kind.Show(t.Context(), body)
	c.must(err)
	if len(shown.Transfers) != 1 || shown.Transfers[0] != (proposal.Transfer{Debit: chart.Differences, Credit: chart.Channel("counter"), Fen: 5001}) {
		t.Errorf("%+v", shown)
	}
	c.must(cards.CashEntry().Fits(body, shown))
	by := ledger.Approval{First: "cara", Second: "sue", Reason: "test", At: c.now}
	c.paysAt("491030000001", number(0), 1) // meanwhile
	if _, err := kind.Do(t.Context(), body, shown, by); err == nil || !strings.Contains(err.Error(), "100.01 yuan are expected by now") {
		t.Error(err)
	}
	shown, err = kind.Show(t.Context(), body)
	c.must(err)
	_, err = kind.Do(t.Context(), body, shown, by)
	c.must(err)
	if s := c.shifted("cara", order); !s.Repeated || s.Difference() != -5002 { // the counter learns it
		t.Errorf("%+v", s)
	}
	c.hold()
}

// TestBadShifts sends orders of shifts that are wrong by themselves.
func TestBadShifts(t *testing.T) {
	c := newCounter(t)
	for why, edit := range map[string]func(*cards.ShiftOrder){
		"order: want 1 to 64":    func(o *cards.ShiftOrder) { o.Number = "" },
		"channel: want the id":   func(o *cards.ShiftOrder) { o.Channel = "a b" },
		"counter: want 1 to 32":  func(o *cards.ShiftOrder) { o.Counter = "" },
		"start_fen: want":        func(o *cards.ShiftOrder) { o.Start = -1 },
		"is nothing that":        func(o *cards.ShiftOrder) { o.Do = "burn" },
		"loaded_fen: want":       func(o *cards.ShiftOrder) { o.Loaded = ledger.MaxAmount + 1 },
		"handed_fen: want what":  func(o *cards.ShiftOrder) { o.Handed = 1 },
		"given_fen: want what":   func(o *cards.ShiftOrder) { o.Load = "l-1" },
		"is not registered toda": func(o *cards.ShiftOrder) { o.Channel = "tram" },
	} {
		o := c.opening("1", 0)
		edit(o)
		c.notShifted("cara", o, why)
	}
}

// TestShiftCut cuts the connection around the commits of what shifts do with their cash, before and
// behind them, and has each asked again: it is done once.
func TestShiftCut(t *testing.T) {
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	cutter, through := ledgertest.NewCutter(t, url)
	c := counterAt(t, url, through)
	drawer, differences := ledger.Fen(0), ledger.Fen(0)
	for commit := 1; commit <= 2; commit++ {
		for _, answered := range []bool{false, true} {
			otherwise := c.opening("1", drawer+200)
			otherwise.Otherwise = true
			hands := c.handing(150)
			for _, o := range []*cards.ShiftOrder{otherwise, hands, c.closing("1", 0, drawer+40)} {
				by := ledger.Approval{First: "cara", At: c.now}
				if o.Do == cards.HandsOver {
					by = c.byTwo("cara")
				}
				cutter.Arm(commit, answered)
				for tries := 0; ; tries++ {
					if _, err := c.Shift(t.Context(), o, by); err == nil {
						break
					} else if tries == 5 {
						t.Fatal(err)
					}
				}
				cutter.Disarm()
			}
			drawer, differences = drawer+40, differences+200-10
		}
	}
	if got := c.balance(chart.Handed("counter")); got != -4*150 {
		t.Errorf("%d fen are handed over, want 600", -got)
	}
	if got := c.balance(chart.Differences); got != differences {
		t.Errorf("differences of %d fen, want %d", got, differences)
	}
	c.hold()
}

// TestAgents has the second person at a counter that is not the issuer's be the issuer's.
func TestAgents(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	c.loads(number(0), 30_000)
	returns := c.order(cards.Return, number(0), cash(-1000), emptied(30_000)).Consent(31_000)
	inForce := c.InForce
	for kind, want := range map[string]people.Unit{"counter": "", "agent": people.Issuer} {
		contracts, err := load.LoadContracts(fmt.Appendf(nil, `{"versions": [{"version": "c", "effective_from": "20130101", "source": "test", "contracts": [
			{"channel": "counter", "kind": %q, "commission_share": "0", "commission_fen": 0, "limit_fen": 100000, "acts": ["sell"]}]}]}`, kind))
		c.must(err)
		c.Office.InForce = func(ctx context.Context) (*cards.Figures, error) {
			f, err := inForce(ctx)
			if err == nil {
				f.Contracts = contracts
			}
			return f, err
		}
		body, err := proposal.Body(c.handing(1000))
		c.must(err)
		shown, err := cards.CashKind(c.Office).Show(t.Context(), body)
		c.must(err)
		c.must(cards.CashEntry().Fits(body, shown))
		if shown.Approves != want || shown.Unit != "channel:counter" {
			t.Errorf("%s: of cash that is handed over approves %q, want %q", kind, shown.Approves, want)
		}
		body, err = proposal.Body(returns)
		c.must(err)
		shown, err = cards.ConsentKind(c.Office).Show(t.Context(), body)
		c.must(err)
		c.must(cards.ConsentEntry().Fits(body, shown))
		if shown.Approves != want {
			t.Errorf("%s: of a large refund approves %q, want %q", kind, shown.Approves, want)
		}
	}
}
