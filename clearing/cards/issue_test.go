package cards_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"citycard/clearing/cards"
	"citycard/clearing/clearingtest"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	"citycard/clearing/stock"
	"citycard/clearing/verify"
	"citycard/ledger"
)

const shop people.Unit = "channel:counter"

func both(c *counter) ledger.Approval {
	return ledger.Approval{First: "ann", Second: "bob", Reason: "delivery", At: c.now}
}

// two does what two people decide.
func two[T any](c *counter, name string, request T) error {
	for _, kind := range c.Stock().Kinds() {
		if kind.Name != name {
			continue
		}
		body, err := proposal.Body(request)
		c.must(err)
		change, err := kind.Show(c.Context(), body)
		if err != nil {
			return err
		}
		_, err = kind.Do(c.Context(), body, change, both(c))
		return err
	}
	c.Fatalf("no kind %s", name)
	return nil
}

func serials(first, last int64) []stock.Range { return []stock.Range{{First: first, Last: last}} }

func (c *counter) receives(product string, first, last int64) error {
	return two(c, stock.KindReceive, stock.Receipt{Store: people.Issuer, Kind: stock.Card, Product: product, Serials: serials(first, last)})
}

func (c *counter) moves(from, to people.Unit, first, last int64) error {
	return two(c, stock.KindMove, stock.Moving{From: from, To: to, Kind: stock.Card, Serials: serials(first, last)})
}

func (c *counter) spoils(store people.Unit, first, last int64) error {
	c.count++
	_, err := c.Stock().Spoil(c.Context(), stock.Spoiling(store, fmt.Sprintf("s-%d", c.count), stock.Card, stock.Range{First: first, Last: last}), c.by())
	return err
}

// line is a card of a report, of type 1, and the town's issuer.
func line(n int, serial int64, number string) cards.ReportLine {
	return cards.ReportLine{Line: n, Serial: serial, Made: &stock.Made{Number: number, Issuer: clearingtest.Issuer, Type: 1, Begins: 20260101, Expires: 20301231}}
}

func spoilt(n int, serial int64) cards.ReportLine { return cards.ReportLine{Line: n, Serial: serial} }

func (c *counter) brings(lines ...cards.ReportLine) *cards.IssueDone {
	c.Helper()
	done, err := c.Issue(c.Context(), &cards.Report{Store: shop, Lines: lines}, c.by())
	c.must(err)
	return done
}

// fresh is the number of the n-th card that no registry has yet.
func fresh(n int) string { return fmt.Sprintf("031050702000000020%02d", n) }

// TestStock takes pieces from their supplier to a shop, and to a holder.
func TestStock(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.must(c.receives("ordinary", 1, 100))
	c.must(c.moves(people.Issuer, shop, 1, 20))
	for what, err := range map[string]error{
		"are in the books already": c.receives("ordinary", 100, 101),
		"no product \"gold\"":      c.receives("gold", 200, 210),
		"do not lie in the store":  c.moves(people.Issuer, shop, 20, 21),
		"were never received":      c.moves(people.Issuer, shop, 100, 101),
		"is not registered today":  c.moves(people.Issuer, "channel:nowhere", 50, 51),
		"has no store":             c.moves(people.Issuer, people.City, 50, 51),
		"in that store already":    c.moves(people.Issuer, people.Issuer, 50, 51),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("want %q: %v", what, err)
		}
	}
	first := c.brings(line(1, 1, fresh(1)), spoilt(2, 2), line(3, 3, fresh(2)))
	if first.Issued != 2 || first.Spoilt != 1 || len(first.Disputes) != 0 {
		t.Fatalf("%+v", first)
	}
	again := c.brings(line(1, 1, fresh(1)), spoilt(2, 2), line(3, 3, fresh(2)))
	if again.Issued+again.Spoilt != 0 || again.Repeated != 3 {
		t.Errorf("again: %+v", again)
	}
	if found, err := c.Find(t.Context(), fresh(1)); err != nil || found.Known {
		t.Errorf("the registry has it already: %+v, %v", found, err)
	}
	n, err := c.FollowIssued(t.Context())
	c.must(err)
	if n != 2 {
		t.Errorf("the registry follows %d cards, want 2", n)
	}
	found, err := c.Find(t.Context(), fresh(1))
	c.must(err)
	if found.State != cards.Issued || found.Product != "ordinary" || found.Serial != 1 || len(found.May) != 1 {
		t.Errorf("%+v", found)
	}
	if _, err := c.Do(t.Context(), c.order(cards.Sell, fresh(1), product("souvenir"), cash(3000)), c.by()); err == nil || !strings.Contains(err.Error(), "was made to be sold as ordinary") {
		t.Error(err)
	}
	if done := c.does(cards.Sell, fresh(1), product("ordinary"), cash(1000)); done.Step.Left.Serial != 1 {
		t.Errorf("%+v", done.Step.Left)
	}
	for _, again := range []bool{false, true} { // what a repeated count came to is as it was
		said, counted, err := stock.Counting(shop, "count", stock.Card, append(serials(4, 18), serials(30, 30)...))
		c.must(err)
		done, err := c.Stock().Count(t.Context(), said, counted, c.by())
		c.must(err)
		is := done.Counted
		if done.Repeated != again || is.Expected != 17 || is.Pieces != 16 || !slices.Equal(is.MissingRanges, serials(19, 20)) || !slices.Equal(is.ExtraRanges, serials(30, 30)) {
			t.Errorf("%+v", done)
		}
		spoilt, err := c.Stock().Spoil(t.Context(), stock.Spoiling(shop, "bent", stock.Card, stock.Range{First: 19, Last: 20}), c.by())
		c.must(err)
		if spoilt.Repeated != again || spoilt.Pieces() != 2 {
			t.Errorf("%+v", spoilt)
		}
	}
	if _, err := c.Stock().Spoil(t.Context(), stock.Spoiling(shop, "bent", stock.Card, stock.Range{First: 5, Last: 5}), c.by()); err == nil || !strings.Contains(err.Error(), "was another order before") {
		t.Error(err)
	}
	c.hold()
}

// registers has two people put rows in force.
func (c *counter) registers(files registry.Files) {
	c.Helper()
	store := registry.NewStore(c.Ledger.Pool())
	base, err := store.Load(c.Context())
	c.must(err)
	draft, err := registry.Bounds{}.ReadFiles(files, base)
	c.must(err)
	content, err := store.Keep(c.Context(), draft)
	c.must(err)
	c.must(store.Approve(c.Context(), content, both(c)))
}

// TestEnded ends a channel and an operator, by rows that take the place of those without an end.
func TestEnded(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.must(c.receives("ordinary", 1, 100))
	c.must(c.moves(people.Issuer, "operator:metro", 1, 10))
	c.registers(registry.Files{
		"channels.csv":  "id,name,name_en,effective_from,effective_to\ncounter,柜台,Counter,20130101,20260105\n",
		"operators.csv": "id,name,name_en,mode,effective_from,effective_to\nmetro,地铁,Metro,metro,20200101,20260105\n",
	})
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000)) // it is the last day
	c.must(c.moves(people.Issuer, "operator:metro", 11, 20))
	c.now = c.now.AddDate(0, 0, 1)
	c.refused(c.order(cards.Sell, number(1), product("ordinary"), cash(1000)), "channel \"counter\" is not registered today")
	for _, store := range []people.Unit{"operator:metro", shop} {
		if err := c.moves(people.Issuer, store, 21, 30); err == nil || !strings.Contains(err.Error(), string(store)+" is not registered today") {
			t.Errorf("%s: %v", store, err)
		}
	}
}

// TestReportDisputes has lines that contradict what is known.
func TestReportDisputes(t *testing.T) {
	c := newCounter(t)
	c.must(c.receives("ordinary", 1, 50))
	c.must(c.receives("senior", 51, 60))
	c.must(c.moves(people.Issuer, shop, 1, 40))
	c.must(c.moves(people.Issuer, shop, 51, 60))
	c.must(c.spoils(shop, 9, 9))
	c.brings(line(1, 1, fresh(1)))
	other := line(9, 8, "0999"+fresh(1)[4:]) // nothing that a card signs tells it from the first
	other.Made.Issuer = "1111111111111111"
	known := line(10, 10, number(1))
	known.Made.Issuer = "1111111111111111"
	done := c.brings(
		line(1, 1, fresh(2)), line(2, 2, fresh(1)), line(3, 0, fresh(3)), line(4, 45, fresh(4)), line(5, 70, fresh(5)),
		line(6, 51, fresh(6)), line(7, 9, fresh(7)), spoilt(8, 1), known, line(11, 11, fresh(9)), line(12, 11, fresh(10)), line(13, 12, fresh(9)),
	)
	want := []string{
		"made into another card", "made of blank 1 before", "does not say which blank", "do not lie in the store", "never received",
		"to be sold as senior, of type 2", "do not lie in the store", "do not lie in the store", "with another issuer or type", "made into another card", "made of blank 11 before",
	}
	if done.Issued != 1 || done.Spoilt != 0 || len(done.Disputes) != len(want) {
		t.Fatalf("%+v", done)
	}
	for i, d := range done.Disputes {
		if !strings.Contains(d.What.Error(), want[i]) {
			t.Errorf("line %d: %v, want %q", d.Line, d.What, want[i])
		}
	}
	blocked, odd := line(21, 21, number(2)), cards.ReportLine{Line: 22, Serial: 21, Made: &stock.Made{Number: `a\b`}}
	twin := line(24, 23, "0999"+fresh(20)[4:])
	twin.Made.Issuer = clearingtest.Issuer
	done = c.brings(blocked, odd, line(23, 22, fresh(20)), twin, line(25, 24, "12"))
	want = []string{"with another last day", "9 letters and digits", "a line before is of the same card", "want the 20 digits"}
	if done.Issued != 1 || len(done.Disputes) != len(want) {
		t.Fatalf("%+v", done)
	}
	for i, d := range done.Disputes {
		if !strings.Contains(d.What.Error(), want[i]) {
			t.Errorf("line %d: %v, want %q", d.Line, d.What, want[i])
		}
	}
	// One that the registry refuses later keeps no other one back.
	if done := c.brings(other, line(14, 14, fresh(14))); done.Issued != 2 {
		t.Errorf("%+v", done)
	}
	n, err := c.FollowIssued(t.Context())
	if n != 4 || err == nil || !strings.Contains(err.Error(), "that the registry refuses") {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := c.FollowIssued(t.Context()); n != 0 || err != nil {
		t.Errorf("it is said once more: %d, %v", n, err)
	}
	c.hold()
}

// twin is a card that nothing which a card signs tells from another one.
func twin(n int, serial int64, of string) cards.ReportLine {
	l := line(n, serial, "0999"+of[4:])
	l.Made.Issuer, l.Made.Begins = "1111111111111111", 20260102
	return l
}

// TestRegistryRefuses has more cards refused than a fault of the registry names, and one whose
// fault names no line: all others get into the registry.
func TestRegistryRefuses(t *testing.T) {
	c := newCounter(t)
	c.must(c.receives("ordinary", 1, 50))
	c.must(c.moves(people.Issuer, shop, 1, 50))
	var lines []cards.ReportLine
	rows := strings.Join(registry.Cards.Columns(), ",") + "\n"
	for n := 1; n <= 21; n++ {
		lines = append(lines, twin(n, int64(n), fresh(n)))
		rows += fmt.Sprintf("%s,%s,01,active,20260101,20301231,anonymous\n", fresh(n), clearingtest.Issuer)
	}
	lines = append(lines, line(22, 22, fresh(22)))
	if done := c.brings(lines...); done.Issued != 22 {
		t.Fatalf("%+v", done)
	}
	c.registers(registry.Files{"cards.csv": rows})
	c.followsIssued("21 refused", 1)
	if done := c.brings(line(1, 31, fresh(31)), line(2, 32, fresh(32)), line(3, 33, fresh(33)), twin(4, 34, fresh(31)), line(5, 35, fresh(35))); done.Issued != 5 {
		t.Fatalf("%+v", done)
	}
	c.followsIssued("one without a line", 4)
	for _, n := range []int{22, 31, 32, 33, 35} {
		if found, err := c.Find(t.Context(), fresh(n)); err != nil || !found.Known {
			t.Errorf("card %d: %+v, %v", n, found, err)
		}
	}
	c.hold()
}

// followsIssued wants so many cards in the registry, and that others are refused, and said once.
func (c *counter) followsIssued(what string, want int) {
	c.Helper()
	n, err := c.FollowIssued(c.Context())
	if n != want || err == nil || !strings.Contains(err.Error(), "that the registry refuses") {
		c.Errorf("%s: %d, %v; want %d and an error", what, n, err, want)
	}
	if n, err := c.FollowIssued(c.Context()); n != 0 || err != nil {
		c.Errorf("%s, once more: %d, %v", what, n, err)
	}
}

// TestLineOfRefused has a card made of a second blank: the line of its first one was refused.
func TestLineOfRefused(t *testing.T) {
	c := newCounter(t)
	c.must(c.receives("ordinary", 1, 10))
	c.must(c.moves(people.Issuer, shop, 1, 5))
	done := c.brings(line(1, 9, fresh(1)), line(2, 1, fresh(1)))
	if done.Issued != 1 || len(done.Disputes) != 1 || done.Disputes[0].Line != 1 {
		t.Errorf("%+v", done)
	}
	c.hold()
}

// TestStockForged alters rows of stock behind the books' back: verify names each.
func TestStockForged(t *testing.T) {
	c := newCounter(t)
	c.must(c.receives("ordinary", 1, 100))
	c.must(c.moves(people.Issuer, shop, 1, 20))
	c.brings(line(1, 1, fresh(1)))
	c.must(c.spoils(shop, 2, 2))
	_, err := c.FollowIssued(t.Context())
	c.must(err)
	c.hold()
	c.names([]forgery{
		{"UPDATE issued_cards SET made = replace(made, 'true', 'false'), number = '1'", verify.StockCard},
		{"UPDATE stock_acts SET record = replace(record, '\"last\":2', '\"last\":3')", verify.StockAct},
		{"DELETE FROM registry_rows WHERE kind = 8 AND record LIKE '%20301231%'", verify.StockCard},
		{"UPDATE stock_acts SET record = replace(record, '\"last\":2', '\"last\":-9')", verify.StockAct},
		{"UPDATE stock_acts SET record = replace(record, '\"spoil\"', '\"count\"')", verify.StockAct},
		{"UPDATE stock SET state = 'in_stock' WHERE state = 'spoilt'", verify.StockLot},
		{"UPDATE stock_acts SET person = 'eve' WHERE number = 4", verify.StockAct},
		{"UPDATE stock_acts SET second = 'eve' WHERE number = 1", verify.StockAct},
		{"UPDATE stock_acts SET at = at + 1 WHERE number = 1", verify.StockAct},
		{"DELETE FROM stock_acts WHERE number = 1", verify.StockAct},
		{"DELETE FROM stock_orders", verify.StockAct},
		{"UPDATE stock_orders SET number = 'other'", verify.StockAct},
		{"UPDATE stock_orders SET store = 'issuer'", verify.StockAct},
		{"UPDATE stock_orders SET act = 77", verify.StockAct},
		{"INSERT INTO stock_orders (store, number, act) VALUES ('issuer', 'x', 1)", verify.StockAct},
		{"DELETE FROM stock_acts WHERE number = 4", verify.StockAct},
		{"UPDATE card_steps SET person = 'eve'", verify.StockCard},
		{"UPDATE issued_cards SET change = 7", verify.StockCard},
		{"UPDATE stock SET store = 'issuer'", verify.StockLot},
		{"UPDATE issued_cards SET blank = 7", verify.StockCard},
		{"DELETE FROM issued_cards", verify.StockCard},
		{"DELETE FROM stock", verify.StockLot},
	})
}

// stockModel is where each piece is.
type stockModel struct {
	c      *counter
	where  map[int64]stock.Lot // without serials
	number int
}

func (m *stockModel) all(first, last int64, store people.Unit) bool {
	for s := first; s <= last; s++ {
		if l, there := m.where[s]; !there || l.Store != store || l.State != stock.InStock {
			return false
		}
	}
	return true
}

// TestStockModel does acts at random on few serials: the books have each piece where the model has
// it, once, and verify finds them right.
func TestStockModel(t *testing.T) {
	c := newCounter(t)
	base := int64(0)
	rapid.Check(t, func(rt *rapid.T) {
		m := &stockModel{c: c, where: map[int64]stock.Lot{}}
		base += 1000
		stores := []people.Unit{people.Issuer, shop, "operator:metro"}
		for range rapid.IntRange(1, 8).Draw(rt, "acts") {
			first := base + rapid.Int64Range(1, 12).Draw(rt, "first")
			last := first + rapid.Int64Range(0, 5).Draw(rt, "more")
			from, to := rapid.SampledFrom(stores).Draw(rt, "from"), rapid.SampledFrom(stores).Draw(rt, "to")
			m.does(rt, rapid.SampledFrom([]stock.Do{stock.Receive, stock.Receive, stock.Move, stock.Move, stock.Spoil, stock.Issue}).Draw(rt, "do"), first, last, from, to)
		}
		m.compare(rt, base)
	})
	c.hold()
}

func (m *stockModel) does(rt *rapid.T, do stock.Do, first, last int64, from, to people.Unit) {
	var err error
	var may bool
	becomes := func(l stock.Lot) stock.Lot { l.Store = to; return l }
	switch do {
	case stock.Receive:
		may = true
		for s := first; s <= last; s++ {
			_, there := m.where[s]
			may = may && !there
		}
		err = two(m.c, stock.KindReceive, stock.Receipt{Store: to, Kind: stock.Card, Product: "ordinary", Serials: serials(first, last)})
		becomes = func(stock.Lot) stock.Lot { return stock.Lot{Product: "ordinary", Store: to, State: stock.InStock} }
	case stock.Move:
		may = from != to && m.all(first, last, from)
		err = m.c.moves(from, to, first, last)
	case stock.Spoil:
		may = m.all(first, last, from)
		err = m.c.spoils(from, first, last)
		becomes = func(l stock.Lot) stock.Lot { l.State = stock.Spoilt; return l }
	default:
		last, from = first, shop
		may = m.all(first, last, from)
		m.number++
		done := m.c.brings(line(1, first, fmt.Sprintf("0310507%013d", first*100+int64(m.number))))
		if done.Issued == 0 {
			err = done.Disputes[0].What
		}
		becomes = func(l stock.Lot) stock.Lot { l.State = stock.Issued; return l }
	}
	if (err == nil) != may {
		rt.Fatalf("%s of %d-%d from %s to %s: %v, and it may be done: %t", do, first, last, from, to, err, may)
	}
	for s := first; err == nil && s <= last; s++ {
		m.where[s] = becomes(m.where[s])
	}
}

func (m *stockModel) compare(rt *rapid.T, base int64) {
	list, err := stock.Lots(context.Background(), m.c.Ledger, stock.Card, "", base, 1000)
	if err != nil {
		rt.Fatal(err)
	}
	seen := 0
	for i, l := range list {
		for s := l.First; s <= l.Last; s++ {
			seen++
			if is := (stock.Lot{Product: l.Product, Store: l.Store, State: l.State}); m.where[s] != is {
				rt.Fatalf("serial %d: %+v, want %+v", s, is, m.where[s])
			}
		}
		if i > 0 && list[i-1].Last >= l.First {
			rt.Fatalf("%s and %s overlap", list[i-1].Range, l.Range)
		}
	}
	if seen != len(m.where) {
		rt.Fatalf("%d pieces, want %d", seen, len(m.where))
	}
}
