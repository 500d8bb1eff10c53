package cards

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/tunion"
	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
)

// KindConsent is the kind of proposal by which two people let a counter do something with a card
// that one clerk may not do alone, and ActConsent the act.
const (
	KindConsent = "consent to card act"
	ActConsent  = "consent to card act"
)

// Consent asks two people to let one order of a counter be done. They sign the whole numbers of the
// cards and, as the order's own signature does, a digest of the certificate that was shown: its
// number itself is nowhere kept.
type Consent struct {
	Said
	Number    string `json:"number"` // of the card, 20 digits
	NewNumber string `json:"new_number,omitempty"`
	// Most is what may be given back or go over to another card.
	Most ledger.Fen `json:"most_fen"`
}

// Consent is what two people are asked for before the order is done, and so much is given back or
// goes over to another card at most.
func (o *Order) Consent(most ledger.Fen) Consent {
	c := Consent{Said: o.Said().Planned(), Number: whole(o.Card), Most: most}
	if o.New != "" {
		c.NewNumber = whole(o.New)
	}
	return c
}

// content binds all that the order asks for.
func (c *Consent) content() [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", c.What(), c.Number, c.NewNumber, c.Most))
}

// ConsentGiven is what the audit has of a consent. It has no number of a card but the last digits.
type ConsentGiven struct {
	Said
	Most    ledger.Fen `json:"most_fen"`
	Content string     `json:"content"` // of the row that is kept, in hexadecimal
}

func (c *Consent) given() ConsentGiven {
	content := c.content()
	return ConsentGiven{c.Said, c.Most, hex.EncodeToString(content[:])}
}

// check refuses a request that is wrong by itself.
func (c *Consent) check() error {
	if err := checkPlace(c.Order, c.Unit, c.Counter); err != nil {
		return err
	}
	if !c.Do.Known() {
		return &OrderError{"do", language.Textf("%q is nothing that is done with a card", string(c.Do))}
	}
	for _, of := range []struct{ field, masked, number string }{{"card", c.Card, c.Number}, {"new", c.New, c.NewNumber}} {
		if _, err := tunion.ParseNumber(of.number); of.number != "" && (err != nil || tunion.Masked(of.number) != of.masked || len(of.number) != 20) || (of.number == "") != (of.masked == "") {
			return &OrderError{of.field, language.Textf("want the 20 digits of a card's number, and its last ones")}
		}
	}
	if c.Number == "" || c.Tap != "" || (c.NewNumber != "") != (c.Do == Replace) || c.Emptied < 0 || c.Emptied > 0 && c.Do != Return {
		return &OrderError{"do", language.Textf("want the number of the card, that of a new one where one is replaced, and what was emptied of one that is returned")}
	}
	return nil
}

// judge says what an order gives back, and why it takes two people, if it does. What is given back
// is all cash, and what was in the purse; of a card that is nobody's, what goes over to another one
// counts as well.
func (m *plan) judge(h *held, emptied ledger.Fen) {
	if m.Given = max(emptied-m.Cash(), 0); m.Do == Replace && !m.product.Personal() {
		m.Given = m.Waits + h.was.Deposit
	}
	m.Two = m.two(h)
}

func (m *plan) two(h *held) *language.Text {
	switch {
	case m.Do == Sell:
	case m.Holder && h.was.Holder == "" && m.Do != ReportBrief:
		return language.Textf("nobody has shown a certificate for this card before: whose it is takes two people")
	case m.Given > m.product.AloneFen:
		return language.Textf("%s yuan are given back or go over to another card: more than %s yuan takes two people", m.Given.String(), m.product.AloneFen.String())
	}
	return nil
}

// consented refuses an order that takes two people and that they have not let be done, with a
// *TwoError.
func (d *doing) consented(ctx context.Context, tx pgx.Tx) error {
	if d.plan.Empties {
		d.plan.judge(&d.card, d.order.Emptied)
	}
	if d.office.Ledger.Rehearses() {
		return nil
	}
	var content []byte
	var most ledger.Fen
	err := tx.QueryRow(ctx, "SELECT content, most FROM card_consents WHERE unit = $1 AND number = $2", string(d.order.Unit()), d.order.Number).Scan(&content, &most)
	none := errors.Is(err, pgx.ErrNoRows)
	switch {
	case none && d.plan.Two != nil:
		return &TwoError{KindConsent, d.plan.Two}
	case none:
		return nil
	case err != nil:
		return fmt.Errorf("read a consent: %w", err)
	}
	asked := d.order.Consent(most)
	want := asked.content()
	if string(content) == string(want[:]) && d.plan.Given > most {
		return refusal(language.Textf("%s yuan are given back or go over to another card by now, and two people have let it be %s at most", d.plan.Given.String(), most.String()),
			language.Textf("propose it once more, under a new number"))
	}
	if string(content) != string(want[:]) {
		return refusal(language.Textf("two people have let order %s be something else", d.order.Number), language.Textf("ask for just what they have signed, or propose it under a new number"))
	}
	d.byTwo = true // also where one could do it by now: they have signed it
	return nil
}

// change is what two people sign: how the card stands, and what the order does.
func (c *Consent) change(state, purse, deposit string, approves people.Unit) *proposal.Change {
	row := proposal.RowOf("card", c.Number, state).Alters("act", "", string(c.Do)).Alters("cash", "", c.Cash.String()).Alters("at most", "", c.Most.String()).
		Alters("shadow balance", purse, purse).Alters("deposit", deposit, deposit)
	if c.Emptied > 0 {
		row = row.Alters("emptied", "", c.Emptied.String())
	}
	if c.NewNumber != "" {
		row = row.Alters("new card", "", c.NewNumber)
	}
	return &proposal.Change{Unit: c.Unit, Approves: approves, Rows: []proposal.Row{row}}
}

// showConsent reads how the card stands, and refuses what could not be done or what one clerk does
// alone.
func (o *Office) showConsent(ctx context.Context, c Consent) (*proposal.Change, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	figures, err := o.InForce(ctx)
	if err != nil {
		return nil, err
	}
	card, err := o.held(ctx, c.Number, figures)
	if err != nil {
		return nil, err
	}
	var fresh *held
	if c.NewNumber != "" {
		of, err := o.held(ctx, c.NewNumber, figures)
		if err != nil {
			return nil, err
		}
		fresh = &of
	}
	p := &planner{figures: figures, channel: string(c.Unit)}
	m, err := p.make(c.Do, &card, c.Product, fresh)
	switch {
	case err != nil:
		return nil, err
	case m.Obstacle != nil:
		return nil, refusal(m.Obstacle, language.Textf("come back then"))
	case m.Cash() != c.Cash:
		return nil, &MovedError{Signed: c.Cash, Is: m.Cash()}
	}
	m.judge(&card, c.Emptied)
	switch {
	case m.Given != c.Most:
		return nil, refusal(language.Textf("%s yuan are given back or go over to another card, and not %s", m.Given.String(), c.Most.String()), language.Textf("look at the card again, and propose what it is now"))
	case m.Two == nil:
		return nil, refusal(language.Textf("one clerk does this alone"), language.Textf("have it done at the counter"))
	}
	return c.change(fmt.Sprintf("%s, step %d", card.was.State, card.steps), card.purse.String(), card.was.Deposit.String(), figures.approves(strings.TrimPrefix(string(c.Unit), chart.Channel("")))), nil
}

// consent keeps what two people have let be done. An order that was done, or let be done as
// something else, is refused.
func (o *Office) consent(ctx context.Context, c Consent, by ledger.Approval) error {
	if err := by.Validate(); err != nil {
		return err
	}
	given, content := c.given(), c.content()
	text, err := proposal.Body(given)
	if err != nil {
		return err
	}
	return o.Ledger.Write(ctx, func(tx pgx.Tx) error {
		var done int64
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM card_orders WHERE unit = $1 AND number = $2", string(c.Unit), c.Order).Scan(&done); err != nil {
			return fmt.Errorf("read an order: %w", err)
		}
		tag, err := tx.Exec(ctx, "INSERT INTO card_consents (unit, number, content, most) VALUES ($1, $2, $3, $4) ON CONFLICT (unit, number) DO NOTHING", string(c.Unit), c.Order, content[:], c.Most)
		if err != nil {
			return fmt.Errorf("keep a consent: %w", err)
		}
		if done > 0 || tag.RowsAffected() == 0 {
			return refusal(language.Textf("order %s was done, or let be done, before", c.Order), language.Textf("give each order a number of its own"))
		}
		return ledger.Approve(ctx, tx, ActConsent, string(text), by)
	})
}

// ConsentKind is the kind of proposal that lets an order be done.
func ConsentKind(o *Office) proposal.Kind {
	return proposal.Of(KindConsent, func(ctx context.Context, c Consent) (*proposal.Change, error) {
		change, err := o.showConsent(ctx, c)
		return change, asProposal(err)
	}, func(ctx context.Context, c Consent, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		if err := o.consent(ctx, c, by); err != nil {
			return proposal.Result{}, asProposal(err)
		}
		return proposal.Saying(language.Textf("the counter can do order %s now", c.Order)), nil
	})
}

// ConsentEntry is what the audit has of such an approval.
func ConsentEntry() proposal.Entry {
	return proposal.EntryOf(KindConsent, func(c Consent, shown *proposal.Change) (*proposal.Change, error) {
		row, err := shown.One()
		if err != nil {
			return nil, err
		}
		return c.change(row.State, row.Is("shadow balance"), row.Is("deposit"), issuers(shown.Approves)), c.check()
	}, func(c Consent, _ *proposal.Change, said string) error { return proposal.ExpectJSON(said, c.given()) })
}
