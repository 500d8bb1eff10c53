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
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/ledger"
)

// All that there is of cards: what taps took to empty them, notes of steps (60), their money (61),
// the rows of steps, the orders that they were of, the cards, and the purses that were emptied.
// Those of one card together, in the order of what and number.
const besideLives = `
	SELECT subject AS card, 0 AS what, id, evidence AS content, 0::INT8 AS number, booking_day::INT8 AS day, 0::INT8 AS debit, 0::INT8 AS credit, 0::INT8 AS fen, '' AS name, 0::INT8 AS at
		FROM journal WHERE id >= '\x60' AND id < '\x61'
	UNION ALL SELECT subject, 1, id, NULL, 0, booking_day::INT8, debit, credit, amount, '', 0 FROM journal WHERE id >= '\x61' AND id < '\x62' AND kind IS NULL
	UNION ALL SELECT subject, -1, id, evidence, 0, effective_day::INT8, 0, credit, amount, '', 0 FROM journal WHERE purpose = $1 AND kind IS NULL
	UNION ALL SELECT card, 2, id, convert_to(record, 'UTF8'), number, day::INT8, 0, 0, 0, person, at FROM card_steps
	UNION ALL SELECT card, 3, content, convert_to(unit, 'UTF8'), step, 0, 0, 0, 0, number, 0 FROM card_orders WHERE length(card) > 0
	UNION ALL SELECT card, 4, NULL, convert_to(stands, 'UTF8'), steps, lapses::INT8, 0, 0, 0, state, 0 FROM cards
	UNION ALL SELECT card, 5, NULL, convert_to(unit, 'UTF8'), step, booked::INT8, 0, 0, fen, tap, shift FROM emptied_purses
	ORDER BY card, what, number, id, name`

// lifeRow is a row of besideLives.
type lifeRow struct {
	card               []byte
	what               int
	id, content        []byte
	number, day        int64
	debit, credit, fen int64
	name               string // who did a step, the number of an order, the state of a card, a tap
	at                 int64
}

// paid is what the journal has of a step's money.
type paid []ledger.Row

// left is what it leaves on an account: credits less debits.
func (p paid) left(account string) (fen ledger.Fen) {
	id := ledger.IDOfCode(account)
	for i := range p {
		if p[i].Credit == id {
			fen += p[i].Amount
		}
		if p[i].Debit == id {
			fen -= p[i].Amount
		}
	}
	return fen
}

// emptyingTap is a tap that emptied a purse: the account of its channel, what it took, and its
// name.
type emptyingTap struct {
	channel, fen int64
	name         string
}

// life is all that there is of one card, or of a channel's shifts.
type life struct {
	subject []byte
	notes   map[string][]byte // by id
	days    map[string]int64
	paid    map[string]paid // by the rest of the id
	last    *cards.Record
	steps   int64
	settled bool                    // its card's row was seen
	orders  map[int64]*cards.Record // of its steps, by their numbers, until their rows are seen
	took    map[emptyingTap]bool    // taps that emptied it
	emptied map[int64]*cards.Record // its steps that say so, until their rows are seen
}

func newLife(subject []byte) *life {
	return &life{subject: bytes.Clone(subject), notes: map[string][]byte{}, days: map[string]int64{}, paid: map[string]paid{}, orders: map[int64]*cards.Record{}, took: map[emptyingTap]bool{}, emptied: map[int64]*cards.Record{}}
}

// cardLives compares the cards and their steps with the journal.
func (c *check) cardLives(ctx context.Context) error {
	var r lifeRow
	of := newLife(nil)
	err := c.each(ctx, besideLives, []any{&r.card, &r.what, &r.id, &r.content, &r.number, &r.day, &r.debit, &r.credit, &r.fen, &r.name, &r.at}, func() error {
		if !bytes.Equal(r.card, of.subject) {
			c.endLife(of)
			of = newLife(r.card)
		}
		switch r.what {
		case -1:
			of.took[emptyingTap{r.credit, r.fen, cards.TapOf(r.content)}] = true
		case 0:
			of.notes[string(r.id)], of.days[string(r.id)] = bytes.Clone(r.content), r.day
		case 1:
			of.pays(&r)
		case 2:
			c.lived(of, &r)
		case 3:
			c.ordered(of, &r)
		case 4:
			c.stands(of, &r)
		default:
			c.emptied(of, &r)
		}
		return nil
	}, chart.PurposeEmptied)
	c.endLife(of)
	return err
}

func (l *life) name() string {
	if card, ok := identity.ParseCard(l.subject); ok {
		return "card " + card.String()
	}
	return fmt.Sprintf("%.64q", l.subject)
}

func (l *life) pays(r *lifeRow) {
	if len(r.id) < 3 {
		return
	}
	step := string(r.id[2:])
	l.paid[step] = append(l.paid[step], ledger.Row{Debit: ledger.AccountID(r.debit), Credit: ledger.AccountID(r.credit), Amount: ledger.Fen(r.fen)})
}

// lived holds a row of a step against its note, its money and who signed it.
func (c *check) lived(l *life, r *lifeRow) {
	var of cards.Record
	note, there := l.notes[string(r.id)]
	wrong := ""
	switch err := json.Unmarshal(r.content, &of); {
	case err != nil:
		wrong = "its record cannot be read"
	case !there:
		wrong = "the journal has no note of it"
	case !bytes.Equal(note, r.content) || string(of.ID()) != string(r.id) || of.Step != r.number || l.days[string(r.id)] != r.day:
		wrong = "the journal's note is another one"
	case r.number != l.steps+1:
		wrong = fmt.Sprintf("the step before is %d", l.steps)
	case of.At != r.at:
		wrong = fmt.Sprintf("it was done at second %d, and the journal's note has %d", r.at, of.At)
	default:
		wrong = cmp.Or(l.moneyOf(r, &of), c.actOf(&of, r.name), l.bankOf(&of))
	}
	if wrong != "" {
		c.fault(CardStep, fmt.Sprintf("%s, step %d", l.name(), r.number), "%s", wrong)
	}
	delete(l.notes, string(r.id))
	if of.Content != "" {
		l.orders[r.number] = &of
	}
	if of.Do == cards.Return && of.Emptied > 0 {
		l.emptied[r.number] = &of
	}
	c.goesOver(l, &of)
	c.lists(&of, r.name)
	if of.Shift != 0 {
		c.shiftsOf.steps[of.Shift] += of.Cash() - of.Emptied
	}
	l.last, l.steps = &of, r.number
}

// moneyOf says what differs between a step and its money.
func (l *life) moneyOf(r *lifeRow, of *cards.Record) string {
	before := ledger.Fen(0)
	if l.last != nil {
		before = l.last.Left.Deposit
	}
	money := l.paid[string(r.id[1:])]
	delete(l.paid, string(r.id[1:]))
	deposit, float, cash := money.left(chart.Deposits), money.left(chart.Float), ledger.Fen(0)
	if of.Unit != "" {
		cash = -money.left(string(of.Unit))
	}
	purse := of.Float
	for _, amount := range of.Amounts {
		if amount.What == cards.Purse {
			purse += amount.Fen
		}
	}
	// A replacement's deposit leaves the old card and comes to the new one.
	switch moved := of.Left.Deposit - before; {
	case deposit != moved:
		return fmt.Sprintf("the journal moves %d fen of deposit, and the card's changes by %d", deposit, moved)
	case of.Cash() != cash && !(of.Do == cards.Replace && of.Cash() == cash-deposit):
		return fmt.Sprintf("the journal has %d fen of cash, and the step %d", cash, of.Cash())
	case float != purse:
		return fmt.Sprintf("the journal moves %d fen to the purse, and the step %d", float, purse)
	}
	return ""
}

// stands holds a card's row against its last step.
func (c *check) stands(l *life, r *lifeRow) {
	l.settled = true
	var is cards.Standing
	if err := json.Unmarshal(r.content, &is); err != nil || l.last == nil || is != l.last.Left || r.number != l.steps || r.day != int64(is.Lapses) || r.name != string(is.State) {
		c.fault(CardRow, l.name(), "it is not what its %d steps left", l.steps)
	}
}

// emptied holds the row of a purse that was emptied against its step, and the taps.
func (c *check) emptied(l *life, r *lifeRow) {
	of := l.emptied[r.number]
	switch where := fmt.Sprintf("%s, step %d", l.name(), r.number); {
	case of == nil || string(of.Unit) != string(r.content) || of.Shift != r.at || of.Emptied != ledger.Fen(r.fen) || of.Tap != r.name:
		c.fault(CardEmptied, where, "its step says otherwise")
	case r.day != 0 && !l.took[emptyingTap{int64(ledger.IDOfCode(string(of.Unit))), r.fen, of.Tap}]:
		c.fault(CardEmptied, where, "the journal has no such tap")
	}
	delete(l.emptied, r.number)
}

// endLife reports what the journal has and no row does. Notes of a channel are those of shifts.
func (c *check) endLife(l *life) {
	if _, isCard := identity.ParseCard(l.subject); !isCard {
		c.shiftNotes(l)
		return
	}
	for _, number := range slices.Sorted(maps.Keys(l.orders)) {
		c.fault(CardOrder, "order "+l.orders[number].Order, "it is not kept, and is step %d of %s", number, l.name())
	}
	if len(l.emptied) > 0 {
		c.fault(CardEmptied, l.name(), "its steps say so of %d taps, and no row does", len(l.emptied))
	}
	if len(l.notes) > 0 || len(l.paid) > 0 {
		c.fault(CardStep, l.name(), "the journal has %d notes and money of %d steps that are not kept", len(l.notes), len(l.paid))
	}
	if l.steps > 0 && !l.settled {
		c.fault(CardRow, l.name(), "it has %d steps, and no row", l.steps)
	}
}
