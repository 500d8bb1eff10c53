package cards_test

import (
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
	"citycard/clearing/people/proposal"
	"citycard/clearing/transit/load"
	"citycard/ledger"
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
	if s := c.shifted("cara", c.handing(2000)); s.Handed != 2000 {
		t.Errorf("%+v", s)
	}
	if s := c.shifted("cara", c.closing("1", 5000, 4000)); s.Difference() != 0 {
		t.Errorf("%+v", s)
	}
	if s := c.shifted("cara", c.handing(3000)); s.Left() != 1000 {
		t.Errorf("%+v", s)
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
	if s := c.shifted("sue", other); s.Start != 20_000 || s.Due != 0 {
		t.Errorf("%+v", s)
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
	c.notShifted("cara", order, "a difference of more than 50.00 yuan takes two people")
	_, err := c.Shift(t.Context(), order, ledger.Approval{First: "cara", At: c.now})
	if two := (*cards.TwoError)(nil); !errors.As(err, &two) || two.Kind != cards.KindClose {
		t.Errorf("%v", err)
	}
	kind := cards.CloseKind(c.Office)
	body, err := proposal.Body(order)
	c.must(err)
	shown, err := kind.Show(t.Context(), body)
	c.must(err)
	if len(shown.Transfers) != 1 || shown.Transfers[0] != (proposal.Transfer{Debit: chart.Differences, Credit: chart.Channel("counter"), Fen: 5001}) {
		t.Errorf("%+v", shown)
	}
	c.must(cards.CloseEntry().Fits(body, shown))
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
		"is not registered toda": func(o *cards.ShiftOrder) { o.Channel = "tram" },
	} {
		o := c.opening("1", 0)
		edit(o)
		c.notShifted("cara", o, why)
	}
}
