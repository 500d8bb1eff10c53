package cards

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/registry/index"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Stream is where steps are booked.
const Stream = "cards"

// Done is what an order did.
type Done struct {
	Step     Step
	ID       keys.CardID // of the card
	Choice   Choice
	Repeated bool // it was done before, under this order: nothing was done now
}

// errUsed ends the look for a card's rows at the first.
var errUsed = errors.New("the card was used")

// errAgain ends a transaction whose order was done meanwhile.
var errAgain = errors.New("the order was done meanwhile")

// doing is an order that is being done.
type doing struct {
	office  *Office
	order   *Order
	by      ledger.Approval
	figures *Figures
	content [sha256.Size]byte
	token   *[16]byte // of the certificate that was shown
	card    held
	fresh   *held // the new card

	plan   *plan
	step   Record
	other  *Record
	shift  int64
	byTwo  bool         // two people have let it be done
	moving *load.Moving // what waits for a card whose place is taken
	full   bool         // no more cards may be listed today without a proof
}

// Do does what an order asks for, in one transaction with the audit's entry; by is who signed it.
// In books that rehearse it is rolled back, and the order's cash is not looked at.
func (o *Office) Do(ctx context.Context, order *Order, by ledger.Approval) (*Done, error) {
	if err := order.Check(); err != nil {
		return nil, err
	}
	d, err := o.begin(ctx, order, by)
	if err != nil {
		return nil, err
	}
	if done, err := d.before(ctx); done != nil || err != nil {
		return done, err
	}
	if err := o.channel(ctx, order.Channel, d.figures.today()); err != nil {
		return nil, err
	}
	if err := d.figures.mayDo(order.Channel, order.Do); err != nil {
		return nil, err
	}
	out, err := o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error { return d.prepare(ctx, tx, b) }
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			return nil, d.finish(ctx, tx, b, out)
		}
		return nil
	})
	switch {
	case errors.Is(err, errAgain):
		return d.before(ctx)
	case d.full && o.Full != nil && !o.Ledger.Rehearses():
		o.Full(order, by.First)
		return nil, err
	case err != nil:
		return nil, err
	case out == nil:
		return nil, fmt.Errorf("order %s booked nothing", order.Number)
	}
	return &Done{ID: d.card.id, Step: Step{Record: d.step, At: second(d.at()), Person: by.First}, Choice: d.plan.Choice}, nil
}

func (o *Office) begin(ctx context.Context, order *Order, by ledger.Approval) (*doing, error) {
	if err := by.ValidateAlone(); err != nil {
		return nil, err
	}
	figures, err := o.InForce(ctx)
	if err != nil {
		return nil, err
	}
	d := &doing{office: o, order: order, by: by, figures: figures}
	if order.Certificate != "" {
		token, err := o.Token(ctx, order.Certificate)
		if err != nil {
			return nil, err
		}
		d.token = &token
	}
	if d.card, err = o.held(ctx, order.Card, figures); err != nil {
		return nil, err
	}
	if order.Do == Return && order.Emptied > 0 {
		if err := o.couldBeEmptied(ctx, order, &d.card); err != nil {
			return nil, err
		}
	}
	if order.New != "" {
		fresh, err := o.held(ctx, order.New, figures)
		if err != nil {
			return nil, err
		}
		d.fresh = &fresh
	}
	d.content = d.hash()
	return d, nil
}

// couldBeEmptied refuses a claim that a tap took more from a purse than it can have had: what it
// should hold and loads that are not written yet; or another amount than a tap that is booked.
func (o *Office) couldBeEmptied(ctx context.Context, order *Order, h *held) error {
	if !h.known {
		return nil
	}
	if order.Tap == "" && !o.Ledger.Rehearses() {
		return &OrderError{"emptied_tap", language.Textf("want the tap that took it")}
	}
	booked, err := o.tapsThat(ctx, []emptied{{h.card().Subject(), 0, chart.Channel(order.Channel), order.Emptied, order.Tap}})
	if err != nil || booked[0] {
		return err
	}
	most := max(h.purse, 0)
	waiting, err := load.OfCard(ctx, o.Ledger, h.card())
	if err != nil {
		return err
	}
	for _, w := range waiting {
		most += w.Fen
	}
	if order.Emptied > most {
		return refusal(language.Textf("the purse can have had %s yuan at most, and %s are said to be taken from it", most.String(), order.Emptied.String()), language.Textf("read the card once more"))
	}
	return nil
}

// hash is that of all that an order asks for.
func (d *doing) hash() [sha256.Size]byte {
	token := ""
	if d.token != nil {
		token = hex.EncodeToString(d.token[:])
	}
	o := *d.order
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %s %q %q %d %d %s", o.Channel, o.Counter, o.Do, o.Card, o.Product, o.New, o.Cash, o.Emptied, token+" "+o.Tap))
}

// held reads all that is known of a card.
func (o *Office) held(ctx context.Context, number string, figures *Figures) (h held, err error) {
	if h.registered, err = o.lookUp(ctx, number, figures.Now); err != nil || !h.known {
		h.was.State = Unknown
		return h, err
	}
	return h, o.refresh(ctx, &h)
}

// refresh reads what the books have of a card.
func (o *Office) refresh(ctx context.Context, h *held) (err error) {
	if h.was, h.steps, err = standing(ctx, o.Ledger.Pool(), h.card(), ""); err != nil {
		return err
	}
	if h.purse, err = o.shadowOf(ctx, h.card()); err != nil {
		return err
	}
	h.purse += h.was.Shelved
	if h.ends, err = o.lastDay(ctx, h); err != nil {
		return err
	}
	torn, err := load.TornOf(ctx, o.Ledger, h.card())
	if err != nil {
		return err
	}
	h.torn = 0
	for _, t := range torn {
		h.torn += t.Fen
	}
	if h.waits, err = load.WaitingFen(ctx, o.Ledger.Pool(), h.card()); err != nil {
		return err
	}
	if h.was.State == Unknown {
		h.used, err = o.wasUsed(ctx, h.card())
	}
	return err
}

// lastDay is a card's last day of use. The registry's row in force decides, also where people have
// shortened it since an act has extended it.
func (o *Office) lastDay(ctx context.Context, h *held) (day ledger.Day, err error) {
	if h.was.Expires == 0 || h.was.Expires == h.expires {
		return h.expires, nil
	}
	card := h.card()
	err = o.Ledger.Pool().QueryRow(ctx, "SELECT expires FROM registry_dues WHERE card = $1 AND expires <> 0 AND change = 0 ORDER BY step DESC LIMIT 1", card[:]).Scan(&day)
	if errors.Is(err, pgx.ErrNoRows) {
		return h.expires, nil
	}
	if err != nil {
		err = fmt.Errorf("read the last day of a card: %w", err)
	}
	return day, err
}

// wasUsed reports whether the journal has a row of a card.
func (o *Office) wasUsed(ctx context.Context, card identity.Card) (bool, error) {
	err := shadow.Statement(ctx, o.Ledger, card.Subject(), identity.NoDay, index.LastDay, func(ledger.Row) error { return errUsed })
	if errors.Is(err, errUsed) {
		return true, nil
	}
	return false, err
}

// before is what the order did when it was done before, if it was.
func (d *doing) before(ctx context.Context) (*Done, error) {
	done, err := d.office.done(ctx, string(d.order.Unit()), d.order.Number, d.content)
	if done != nil {
		done.ID = d.card.id
	}
	return done, err
}

// done finds an order that was done before. Another one under its number is refused.
func (o *Office) done(ctx context.Context, unit, number string, content [sha256.Size]byte) (*Done, error) {
	card, step, found, err := ordered(ctx, o.Ledger.Pool(), unit, number, content)
	if err != nil || !found {
		return nil, err
	}
	list, err := steps(ctx, o.Ledger.Pool(), card, step)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("order %s has no step %d", number, step)
	}
	s := list[0]
	return &Done{Step: s, Repeated: true, Choice: Choice{Do: s.Do, Product: s.Left.Product, Amounts: s.Amounts}}, nil
}

// ordered finds an order by its number.
func ordered(ctx context.Context, q querier, unit, number string, content [sha256.Size]byte) (card identity.Card, step int64, found bool, err error) {
	var was, subject []byte
	err = q.QueryRow(ctx, "SELECT content, card, step FROM card_orders WHERE unit = $1 AND number = $2", unit, number).Scan(&was, &subject, &step)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return card, 0, false, nil
	case err != nil:
		return card, 0, false, fmt.Errorf("read an order: %w", err)
	case string(was) != string(content[:]):
		return card, 0, false, refusal(language.Textf("order %s was another order before", number), language.Textf("give each order a number of its own"))
	}
	copy(card[:], subject)
	return card, step, true, nil
}

// prepare plans the order inside its transaction, with the cards locked, and fills the batch.
func (d *doing) prepare(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	_, _, found, err := ordered(ctx, tx, string(d.order.Unit()), d.order.Number, d.content)
	switch {
	case err != nil:
		return err
	case found:
		return errAgain
	}
	if err := d.lock(ctx, tx); err != nil {
		return err
	}
	if d.fresh != nil && d.fresh.known && d.card.known {
		if d.moving, err = load.MovingOf(ctx, tx, d.card.card(), d.fresh.card()); err != nil {
			return err
		}
	}
	p := &planner{figures: d.figures, channel: chart.Channel(d.order.Channel)}
	if d.plan, err = p.make(d.order.Do, &d.card, d.order.Product, d.fresh); err != nil {
		return err
	}
	if err := d.allow(); err != nil {
		return err
	}
	if err := d.consented(ctx, tx); err != nil {
		return err
	}
	if d.shift, err = d.inShift(ctx, tx); err != nil {
		return err
	}
	if err := d.bounded(ctx, tx); err != nil {
		return err
	}
	return d.fill(b)
}

// lock reads the cards' rows once more, and keeps them.
func (d *doing) lock(ctx context.Context, tx pgx.Tx) (err error) {
	for _, h := range []*held{&d.card, d.fresh} {
		if h == nil || !h.known {
			continue
		}
		if h.was, h.steps, err = standing(ctx, tx, h.card(), locking); err != nil {
			return err
		}
		if h.waits, err = load.WaitingFen(ctx, tx, h.card()); err != nil {
			return err
		}
	}
	return nil
}

// allow asks what an order must have beside its plan.
func (d *doing) allow() error {
	m, o := d.plan, d.order
	switch {
	case m.Obstacle != nil:
		return refusal(m.Obstacle, language.Textf("come back then"))
	case m.Holder && d.token == nil:
		return refusal(language.Textf("the card is a person's: the number of the holder's certificate is missing"), language.Textf("have it shown, and give its number"))
	case !d.office.Ledger.Rehearses() && m.Cash() != o.Cash:
		return &MovedError{Signed: o.Cash, Is: m.Cash()}
	}
	if d.token == nil || !m.product.Personal() {
		return nil
	}
	return m.holder(*d.token)
}

// fill makes the records and the chain of what is done.
func (d *doing) fill(b *ledger.Batch) error {
	o, m := d.order, d.plan
	d.step = Record{
		Step: d.card.steps + 1, Do: o.Do, At: d.at().Unix(), Unit: o.Unit(), Counter: o.Counter, Order: o.Number, Shift: d.shift, Amounts: m.Amounts,
		Emptied: o.Emptied, Tap: o.Tap, ByTwo: d.byTwo, Salt: o.Salt[:saltDigits], Content: hex.EncodeToString(d.content[:]), Due: m.due, Float: m.unshelved, Left: m.left,
		Unproved: d.unproved(),
	}
	b.Transfers, d.other = nil, nil
	if err := chained(b, d.card.card(), &d.step, m.moves); err != nil {
		return err
	}
	if m.newLeft != nil {
		d.other = &Record{Step: d.fresh.steps + 1, Do: o.Do, At: d.step.At, Unit: o.Unit(), Counter: o.Counter, Order: o.Number, Left: *m.newLeft}
		if err := chained(b, d.fresh.card(), d.other, m.newMoves); err != nil {
			return err
		}
	}
	if d.other != nil {
		b.Transfers = append(b.Transfers, d.moving.Notes()...)
	}
	channel, most := ledger.IDOfCode(chart.Channel(o.Channel)), d.figures.mayOwe(o.Channel)
	for i := range b.Transfers {
		t := &b.Transfers[i]
		if t.Linked = i < len(b.Transfers)-1; t.Debit == channel {
			t.DebitCap = most
		}
	}
	return nil
}

// chained adds a record's note and its transfers to a batch.
func chained(b *ledger.Batch, card identity.Card, r *Record, moves []move) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	id := r.ID()
	b.Transfers = append(b.Transfers, ledger.Transfer{Day: b.Day, Subject: card.Subject(), ID: id, Act: ledger.KeepMemo, Evidence: text})
	for i, m := range moves {
		b.Transfers = append(b.Transfers, ledger.Transfer{
			Day: b.Day, Subject: card.Subject(), ID: identity.CardMoney(byte(i), id),
			Debit: ledger.IDOfCode(m.debit), Credit: ledger.IDOfCode(m.credit), Amount: m.fen, Purpose: m.purpose,
		})
	}
	return nil
}

// finish writes the rows of what was booked, and the audit's entry, in its transaction.
func (d *doing) finish(ctx context.Context, tx pgx.Tx, b *ledger.Batch, out *ledger.Outcome) error {
	for _, answer := range out.Transfers {
		if answer.Result != ledger.Inserted {
			return refusal(language.Textf("the ledger refused: %v", answer.Err), language.Textf("look at the accounts with citycard account"))
		}
	}
	o := d.order
	if err := keep(ctx, tx, d.card.card(), &d.step, b.Day, d.by.First); err != nil {
		return err
	}
	if d.other != nil {
		if err := keep(ctx, tx, d.fresh.card(), d.other, b.Day, d.by.First); err != nil {
			return err
		}
		if err := d.moving.Keep(ctx, tx); err != nil {
			return err
		}
	}
	card := d.card.card()
	if _, err := tx.Exec(ctx, "INSERT INTO card_orders (unit, number, content, card, step) VALUES ($1, $2, $3, $4, $5)",
		string(o.Unit()), o.Number, d.content[:], card[:], d.step.Step); err != nil {
		return fmt.Errorf("keep an order: %w", err)
	}
	if err := d.addToShift(ctx, tx); err != nil {
		return err
	}
	if err := d.listed(ctx, tx); err != nil {
		return err
	}
	said := o.Said()
	said.Cash = d.plan.Cash()
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, o.Do.Act(), string(text), d.by)
}
