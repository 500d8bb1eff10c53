package verify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"citycard/clearing/cards"
	"citycard/clearing/registry"
	"citycard/clearing/stock"
	"citycard/ledger/chain"
)

// The notes of acts of stock (62), and their rows with their orders: those of one act together.
const stockActs = `
	SELECT id, 0 AS what, evidence AS content, booking_day::INT8 AS day, 0::INT8 AS number, 0::INT8 AS at, '' AS person, '' AS second, '' AS store, '' AS name
		FROM journal WHERE id >= '\x62' AND id < '\x63'
	UNION ALL SELECT a.id, 1, convert_to(a.record, 'UTF8'), a.day::INT8, a.number, a.at, a.person, a.second, coalesce(o.store, ''), coalesce(o.number, '')
		FROM stock_acts a LEFT JOIN stock_orders o ON o.act = a.number
	ORDER BY id, what`

// stockRow is a row of stockActs.
type stockRow struct {
	id, content     []byte
	what            int
	day, number, at int64
	person, second  string
	store, name     string // of its order
}

// doneBy is an act of stock as it is told, with who did it.
type doneBy struct {
	act           string
	first, second string
	at            int64  // seconds since 1970
	of            string // what exactly
}

// shelves is what acts have left.
type shelves struct {
	lots map[stock.Kind][]stock.Lot
	told map[doneBy]int // by the audit, and not seen yet
	last int64
}

// stockNotes compares acts of stock with their notes and with the audit, and what is in stock with
// the acts.
func (c *check) stockNotes(ctx context.Context) error {
	s := &shelves{lots: map[stock.Kind][]stock.Lot{}, told: c.toldOfStock()}
	var r stockRow
	var note []byte // of the act that comes next
	var noted bool
	var day int64
	err := c.each(ctx, stockActs, []any{&r.id, &r.what, &r.content, &r.day, &r.number, &r.at, &r.person, &r.second, &r.store, &r.name}, func() error {
		if r.what == 0 {
			if noted {
				c.fault(StockAct, fmt.Sprintf("note %x", note), "it is not kept")
			}
			note, noted, day = bytes.Clone(r.content), true, r.day
			return nil
		}
		c.stockAct(s, &r, note, noted, day)
		noted = false
		return nil
	})
	if err != nil {
		return err
	}
	if noted {
		c.fault(StockAct, "the last note", "it is not kept")
	}
	c.toldMore(s)
	if err := c.stockOrders(ctx); err != nil {
		return err
	}
	if err := c.stockLots(ctx, s); err != nil {
		return err
	}
	return c.issuedCards(ctx)
}

// toldMore reports acts that the audit has and the rows do not.
func (c *check) toldMore(s *shelves) {
	defer c.inOrder()()
	for of, n := range s.told {
		if n > 0 {
			c.fault(StockAct, fmt.Sprintf("%s of %s", of.act, of.first), "the audit has it %d times more: %s", n, of.of)
		}
	}
}

// stockAct holds an act against its note and the audit, and does it once more.
func (c *check) stockAct(s *shelves, r *stockRow, note []byte, noted bool, day int64) {
	where := fmt.Sprintf("act %d", r.number)
	var is stock.Record
	switch err := json.Unmarshal(r.content, &is); {
	case err != nil || !is.Whole():
		c.fault(StockAct, where, "its record cannot be read")
		return
	case !noted || !bytes.Equal(note, r.content) || string(is.ID()) != string(r.id) || is.Number != r.number || day != r.day:
		c.fault(StockAct, where, "the journal's note is another one, or there is none")
	case r.number != s.last+1:
		c.fault(StockAct, where, "the act before is %d", s.last)
	}
	if s.last = r.number; is.Order != r.name || r.name != "" && string(is.From) != r.store {
		c.fault(StockAct, where, "it is order %q of %s; the order that is kept is %q of %s", is.Order, is.From, r.name, r.store)
	}
	of := toldBefore(&is, r.person, r.second, r.at)
	if s.told[of]--; s.told[of] < 0 {
		c.fault(StockAct, where, "the audit has no such act: %s", of.of)
	}
	if is.Do == stock.Count {
		return
	}
	if err := s.apply(&is); err != nil {
		c.fault(StockAct, where, "it could not be done: %v", err)
	}
}

// apply does an act with the lots that it touches.
func (s *shelves) apply(r *stock.Record) error {
	all := s.lots[r.Kind]
	from, _ := slices.BinarySearchFunc(all, r.First-1, func(l stock.Lot, serial int64) int { return cmp.Compare(l.Last, serial) })
	to, _ := slices.BinarySearchFunc(all, r.Last+2, func(l stock.Lot, serial int64) int { return cmp.Compare(l.First, serial) })
	becomes, err := stock.Apply(all[from:to], r)
	if err != nil {
		return err
	}
	s.lots[r.Kind] = slices.Replace(all, from, to, becomes...)
	return nil
}

// toldBefore is how the audit must have an act.
func toldBefore(r *stock.Record, first, second string, at int64) doneBy {
	of := doneBy{first: first, second: second, at: at}
	switch {
	case r.Report != "":
		of.act, of.of = cards.ActIssue, fmt.Sprintf("%s of report %s in %s", r.Do, r.Report, r.From)
	case r.Do == stock.Receive, r.Do == stock.Move:
		of.act, of.of = stock.ActMove, fmt.Sprintf("%s %q %s from %q to %q", r.Kind, r.Product, r.Range, r.From, r.To)
		if r.Do == stock.Receive {
			of.act = stock.ActReceive
		}
	case r.Do == stock.Count:
		of.act, of.of = stock.ActCount, fmt.Sprintf("order %s: %d pieces of %s in %s, sha256:%s", r.Order, r.Counted.Pieces, r.Kind, r.From, r.Counted.List)
	default:
		of.act, of.of = stock.ActSpoil, fmt.Sprintf("order %s: %s %s in %s", r.Order, r.Kind, r.Range, r.From)
	}
	return of
}

// toldOfStock are all acts of stock that the audit has.
func (c *check) toldOfStock() map[doneBy]int {
	all := map[doneBy]int{}
	for _, act := range []string{stock.ActReceive, stock.ActMove} {
		told(c, act, func(e *chain.AuditEntry, of stock.Told) {
			records, err := of.Records()
			if err != nil {
				c.fault(Unreadable, fmt.Sprintf("audit entry %d", e.Number), "%s: %v", e.Act, err)
			}
			for i := range records {
				all[toldBefore(&records[i], e.First, e.Second, e.At.Unix())]++
			}
		})
	}
	for _, act := range []string{stock.ActSpoil, stock.ActCount} {
		told(c, act, func(e *chain.AuditEntry, of stock.Said) {
			c.signedWhat(e, of.What())
			r := stock.Record{Do: of.Do, Kind: of.Kind, Range: of.Range, From: of.Store, Order: of.Order, Counted: &stock.Counted{Pieces: of.Pieces, List: of.List}}
			all[toldBefore(&r, e.First, "", e.At.Unix())]++
		})
	}
	told(c, cards.ActIssue, func(e *chain.AuditEntry, of cards.IssueSaid) {
		c.signedWhat(e, of.What())
		for do, n := range map[stock.Do]int{stock.Issue: of.Issued, stock.Spoil: of.Spoilt} {
			all[toldBefore(&stock.Record{Do: do, From: of.Store, Report: of.Report}, e.First, "", e.At.Unix())] += n
		}
	})
	return all
}

// stockOrders names the orders of no act.
func (c *check) stockOrders(ctx context.Context) error {
	var store, name string
	return c.each(ctx, "SELECT o.store, o.number FROM stock_orders o LEFT JOIN stock_acts a ON a.number = o.act WHERE a.number IS NULL ORDER BY o.store, o.number",
		[]any{&store, &name}, func() error {
			c.fault(StockAct, fmt.Sprintf("order %s of %s", name, store), "there is no act of it")
			return nil
		})
}

// stockLots holds what is in stock against what the acts have left.
func (c *check) stockLots(ctx context.Context, s *shelves) error {
	var kind string
	var is stock.Lot
	seen := map[stock.Kind]int{}
	err := c.each(ctx, "SELECT kind, first, last, product, store, state FROM stock ORDER BY kind, first",
		[]any{&kind, &is.First, &is.Last, &is.Product, &is.Store, &is.State}, func() error {
			want := s.lots[stock.Kind(kind)]
			if n := seen[stock.Kind(kind)]; n >= len(want) || want[n] != is {
				c.fault(StockLot, kind+" "+is.Range.String(), "the acts have not left it so: %s, %s, %s", is.Product, is.Store, is.State)
			}
			seen[stock.Kind(kind)]++
			return nil
		})
	for _, kind := range slices.Sorted(maps.Keys(s.lots)) {
		want := s.lots[kind]
		if n := seen[kind]; n < len(want) {
			c.fault(StockLot, string(kind), "%d lots are kept; the acts have left %d", n, len(want))
		}
	}
	return err
}

// Each card that a piece became, with the act and the card's first step.
const issuedRows = `
	SELECT i.blank, i.number, i.card, i.made, coalesce(a.record, ''), coalesce(a.person, ''), coalesce(a.at, 0), coalesce(a.number, 0),
		coalesce(s.record, ''), coalesce(s.person, ''), coalesce(s.at, 0),
		i.change = $1 AND length(i.card) > 0 AND NOT EXISTS (SELECT 1 FROM registry_rows r WHERE r.kind = $2 AND r.key = substring(i.card, 5))
	FROM issued_cards i LEFT JOIN stock_acts a ON a.number = i.act LEFT JOIN card_steps s ON s.card = i.card AND s.number = 1
	ORDER BY i.blank`

// issuedCards holds the cards that were issued against the acts and the cards' first steps.
func (c *check) issuedCards(ctx context.Context) error {
	var serial, at, number, stepAt, rows, acts, steps, kept int64
	var of, made, record, person, step, stepPerson string
	var card []byte
	var unsaid bool
	err := c.each(ctx, issuedRows, []any{&serial, &of, &card, &made, &record, &person, &at, &number, &step, &stepPerson, &stepAt, &unsaid}, func() error {
		rows++
		var act stock.Record
		var is stock.Made
		var first cards.Record
		wrong := json.Unmarshal([]byte(record), &act) != nil || act.Do != stock.Issue || act.First != serial || act.Made == nil ||
			json.Unmarshal([]byte(made), &is) != nil || *act.Made != is || is.Number != of
		if len(card) > 0 {
			steps++
			wrong = wrong || json.Unmarshal([]byte(step), &first) != nil || first.Do != cards.Issue || first.Left.Serial != serial ||
				first.Left.Product != act.Product || first.Order != fmt.Sprintf("stock %d", number) || stepPerson != person || stepAt != at
		}
		if unsaid {
			c.fault(StockCard, fmt.Sprintf("blank %d", serial), "the registry is said to have had the card before, and does not have it")
		}
		if wrong {
			c.fault(StockCard, fmt.Sprintf("blank %d", serial), "the card that it became is not the one of its act and of the card's first step")
		}
		return nil
	}, cards.SaidBefore, int64(registry.Cards))
	if err != nil {
		return err
	}
	if err := c.issuedRegistered(ctx); err != nil {
		return err
	}
	err = c.each(ctx, `SELECT (SELECT count(*) FROM stock_acts WHERE record LIKE '%"do":"issue"%'), (SELECT count(*) FROM card_steps WHERE record LIKE '%"do":"issue"%')`,
		[]any{&acts, &kept}, func() error { return nil })
	if err == nil && (acts != rows || kept != steps) {
		c.fault(StockCard, "issued cards", "%d are kept, and %d with a step; %d were issued, and %d have such a step", rows, steps, acts, kept)
	}
	return err
}

// Cards that the registry got as they were issued, with the change and what it says of them.
const registeredCards = `
	SELECT coalesce(i.blank, 0), coalesce(i.made, ''), coalesce(i.change, r.change), coalesce(r.record, '')
	FROM (SELECT * FROM issued_cards WHERE change > 0) AS i
	FULL JOIN (SELECT * FROM registry_rows WHERE kind = $1 AND change = ANY($2)) AS r ON r.change = i.change AND r.key = substring(i.card, 5)
	ORDER BY 1, 3`

// issuedRegistered holds the changes by which the registry got issued cards against these cards.
func (c *check) issuedRegistered(ctx context.Context) error {
	changes := []int64{}
	told(c, registry.ActIssued, func(_ *chain.AuditEntry, entered registry.Entered) { changes = append(changes, entered.Change) })
	var serial, change int64
	var made, record string
	return c.each(ctx, registeredCards, []any{&serial, &made, &change, &record}, func() error {
		var is stock.Made
		row, err := registry.Cards.Row(record)
		if err != nil || json.Unmarshal([]byte(made), &is) != nil || !slices.Contains(changes, change) || row["card"] != is.Number || row["issuer"] != is.Issuer ||
			row["type"] != fmt.Sprintf("%02x", is.Type) || row["effective_from"] != is.Begins.String() || row["expires"] != is.Expires.String() || row["holder"] != is.Holder() {
			c.fault(StockCard, fmt.Sprintf("blank %d", serial), "change %d of the registry says %q of it; it is %s", change, record, made)
		}
		return nil
	}, int64(registry.Cards), changes)
}
