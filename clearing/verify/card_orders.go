package verify

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"citycard/cardos/tunion"
	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/ledger/chain"
)

// orderKey is an order of a unit.
type orderKey struct {
	unit   people.Unit
	number string
}

// compare puts orders in the order of their units and numbers.
func (k orderKey) compare(other orderKey) int {
	return cmp.Or(cmp.Compare(k.unit, other.unit), cmp.Compare(k.number, other.number))
}

func (k orderKey) String() string { return fmt.Sprintf("order %s of %s", k.number, k.unit) }

// acted are the acts of counters as the audit has them, until what they did is seen.
type acted struct {
	consents map[orderKey]*consentAct
	steps    map[orderKey]*stepAct
	shifts   map[orderKey]*shiftAct
	bank     map[int64]*bankAct // files of the bank, by their numbers
}

// stepAct is an act on a card.
type stepAct struct {
	entry *chain.AuditEntry
	said  cards.Said
	seen  bool // its step was
}

// shiftAct is an act on a shift.
type shiftAct struct {
	entry   *chain.AuditEntry
	content string // hash of the order
	said    cards.ShiftOrder
	shift   int64 // as the journal's note has it; 0: there is none
}

// counterActs checks that who acted at a counter signed just what was done, and notes the acts.
func (c *check) counterActs(context.Context) error {
	c.acted = acted{map[orderKey]*consentAct{}, map[orderKey]*stepAct{}, map[orderKey]*shiftAct{}, map[int64]*bankAct{}}
	told(c, cards.ActConsent, func(_ *chain.AuditEntry, of cards.ConsentGiven) {
		c.acted.consents[orderKey{of.Unit, of.Order}] = &consentAct{given: of}
	})
	for _, do := range cards.Does() {
		told(c, do.Act(), func(e *chain.AuditEntry, of cards.Said) {
			c.signedWhat(e, of.What())
			key := orderKey{of.Unit, of.Order}
			if of.Do != do || c.acted.steps[key] != nil {
				c.fault(CardOrder, key.String(), "entry %d of the audit says %q of it, and it was another one, or done before", e.Number, of.Do)
			}
			c.acted.steps[key] = &stepAct{entry: e, said: of}
		})
	}
	c.toldOfBank()
	for _, act := range cards.ShiftActs() {
		told(c, act, func(e *chain.AuditEntry, of cards.ShiftOrder) {
			if act != cards.ActByTwo { // there the proposal says it
				c.signedWhat(e, of.What())
			}
			content := of.Content()
			c.acted.shifts[orderKey{of.Unit(), of.Number}] = &shiftAct{entry: e, content: hex.EncodeToString(content[:]), said: of}
		})
	}
	return nil
}

// actOf says what differs between a step and the act that was signed; it is empty if nothing does.
func (c *check) actOf(of *cards.Record, person string) string {
	if of.Unit == "" {
		if person != "" || of.Content != "" {
			return fmt.Sprintf("it is by rule, and %q did it", person)
		}
		return ""
	}
	switch of.Do {
	case cards.Issue:
		return "" // it is held against the act of stock
	case cards.Bank:
		return c.rowOfBank(of, person)
	default:
	}
	act := c.acted.steps[orderKey{of.Unit, of.Order}]
	if act == nil {
		return "the audit has no such act"
	}
	e, said := act.entry, &act.said
	if e.First != person || e.At.Unix() != of.At {
		return fmt.Sprintf("%q did it at second %d; entry %d of the audit has %q at %d", person, of.At, e.Number, e.First, e.At.Unix())
	}
	card, other := of.Left.Number, of.Left.Other
	if of.Content == "" { // the new card's step
		card, other = other, card
	} else {
		if act.seen {
			return "its order has two steps"
		}
		act.seen = true
		if consent := c.acted.consents[orderKey{of.Unit, of.Order}]; of.ByTwo != (consent != nil) || of.ByTwo && consent.given.Said != said.Planned() {
			return "whether two people have let it be done, the audit says otherwise"
		}
		numbers := []string{card}
		if of.Do == cards.Replace {
			numbers = append(numbers, other)
		}
		if cards.Bound(of.Salt, numbers...) != said.Cards {
			return fmt.Sprintf("what was signed in entry %d of the audit is not of this card", e.Number)
		}
		if of.Cash() != said.Cash || of.Emptied != said.Emptied || of.Tap != said.Tap || of.Do == cards.Sell && of.Left.Product != said.Product {
			return fmt.Sprintf("entry %d of the audit has other cash, or another product", e.Number)
		}
	}
	if of.Do != said.Do || of.Counter != said.Counter || tunion.Masked(card) != said.Card || of.Do == cards.Replace && tunion.Masked(other) != said.New {
		return fmt.Sprintf("entry %d of the audit has another act, counter or card", e.Number)
	}
	return ""
}

// ordered holds the row of an order against its step.
func (c *check) ordered(l *life, r *lifeRow) {
	of := l.orders[r.number]
	if of == nil || string(of.Unit) != string(r.content) || of.Order != r.name || of.Content != hex.EncodeToString(r.id) {
		c.fault(CardOrder, "order "+r.name, "it is step %d of %s, and that step is another order's", r.number, l.name())
		return
	}
	delete(l.orders, r.number)
}

// shiftOrders compares the orders of shifts with the audit and the notes, and names the acts on
// cards that did nothing.
func (c *check) shiftOrders(ctx context.Context) error {
	var unit, number string
	var content, card []byte
	var shift int64
	err := c.each(ctx, "SELECT unit, number, content, card, step FROM card_orders WHERE length(card) = 0 ORDER BY unit, number", []any{&unit, &number, &content, &card, &shift}, func() error {
		key := orderKey{people.Unit(unit), number}
		act := c.acted.shifts[key]
		if act == nil || act.content != hex.EncodeToString(content) || act.shift != shift || shift == 0 {
			c.fault(CardOrder, key.String(), "it is of shift %d; audit and journal have no such order", shift)
		}
		delete(c.acted.shifts, key)
		return nil
	})
	byName := func(a, b orderKey) int { return strings.Compare(a.String(), b.String()) }
	for _, key := range slices.SortedFunc(maps.Keys(c.acted.shifts), byName) {
		c.fault(CardOrder, key.String(), "it is not kept, and the audit has it")
	}
	for _, key := range slices.SortedFunc(maps.Keys(c.acted.steps), byName) {
		if act := c.acted.steps[key]; !act.seen {
			c.fault(CardStep, key.String(), "entry %d of the audit has it, and no step is its", act.entry.Number)
		}
	}
	return err
}
