package load

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/clearing/rulefile"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// PlaceOrder is a paid order of a channel that has no card at hand.
type PlaceOrder struct {
	Channel string     `json:"channel"`
	Order   string     `json:"order"`            // the channel's number (IsNumber)
	Card    string     `json:"card"`             // the printed number
	Issuer  string     `json:"issuer,omitempty"` // 16 hexadecimal digits; empty: the registered card's
	Fen     ledger.Fen `json:"amount_fen"`
	// Terminal is the counter's, 12 hexadecimal digits, where the customer pays in cash: the shift
	// that is open there has it. Only a channel whose cash is counted needs one.
	Terminal string `json:"terminal,omitempty"`
}

// Placed is how an order stands.
type Placed struct {
	Placer Placer     `json:"placer" doc:"channel:ID, or card:DIGITS of the card whose balance it is; a counter repeats it"`
	Order  string     `json:"order" doc:"The placer's number; a counter repeats it"`
	State  State      `json:"state" doc:"unknown, waiting, held, authorised, written, over, refunded, withdrawn, group"`
	Fen    ledger.Fen `json:"amount_fen,omitempty"`
	Card   string     `json:"card_masked,omitempty"`
	// Sequence is the card's online sequence as which it was authorised. If the card has counted
	// on, the card has the load.
	Sequence *uint16    `json:"sequence,omitempty" doc:"The card's online sequence for which MAC2 was given out; if the card has counted on, it has the load"`
	Day      ledger.Day `json:"day,omitempty" doc:"The clearing day on which it was paid, or the signed day of a written one"`
}

func (w *Waiting) placed() Placed {
	p := Placed{Placer: w.Placer, Order: w.Number, State: w.State, Fen: w.Fen, Card: w.Card.String(), Day: w.Booked}
	if w.State == StateAuthorised || w.State == StateWritten {
		sequence := w.Load.Sequence
		p.Sequence = &sequence
	}
	return p
}

// Place takes the channel's money for an order that waits for its card. It may be repeated: an
// order is placed once, for one card and one amount. The error is a *Refusal, or another one where
// the outcome is not known.
func (a *Authority) Place(ctx context.Context, r *PlaceOrder) (Placed, error) {
	p, id, err := a.placement(r)
	if err != nil {
		return Placed{}, err
	}
	// What was placed before is the same order, whatever holds now.
	w, found, err := FindWaiting(ctx, a.Books, p.Placer, p.Number)
	if err != nil {
		return Placed{}, fmt.Errorf("load authority: %w", err)
	}
	if found {
		was, err := a.placedAs(ctx, &w)
		if was.Terminal = p.Terminal; err == nil && was != p { // it is the same order, wherever it is repeated
			err = numberTaken()
		}
		return w.placed(), err
	}
	if err := a.mayPlace(&p, id); err != nil {
		return Placed{}, err
	}
	if err := a.mayTake(ctx, p.at(), p.Card); err != nil {
		return Placed{}, err
	}
	return a.place(ctx, &p)
}

func numberTaken() error {
	return &Refusal{verdict.LoadConflict, "the channel's order number belongs to another load"}
}

func (a *Authority) place(ctx context.Context, p *Placement) (Placed, error) {
	transfer, err := p.Transfer()
	if err != nil {
		return Placed{}, err
	}
	transfer.DebitCap = a.mayOwe(p.Placer.Channel())
	out, err := a.Books.PostOnce(ctx, a.Stream, a.Owner, 0, func(b *ledger.Batch) error {
		b.Transfers = []ledger.Transfer{transfer}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if out.Transfers[0].Result != ledger.Inserted {
				return nil, nil
			}
			if err := p.Keep(ctx, tx, b.Day); err != nil {
				return nil, err
			}
			return keepCash(ctx, tx, a.counted, p.taken()...)
		}
		return nil
	})
	if err != nil {
		return Placed{}, notPlaced(err)
	}
	switch paid := out.Transfers[0]; {
	case paid.Disputed:
		return Placed{}, numberTaken()
	case paid.Result != ledger.Inserted && paid.Result != ledger.Duplicate:
		return Placed{}, refusedPosting(paid.Err)
	}
	w, found, err := FindWaiting(ctx, a.Books, p.Placer, p.Number)
	if err == nil && !found {
		err = fmt.Errorf("load authority: order %s of %s is booked and not kept", p.Number, p.Placer)
	}
	return w.placed(), err
}

// placement reads an order.
func (a *Authority) placement(r *PlaceOrder) (p Placement, id keys.CardID, err error) {
	id, err = CardOf(a.Registry.Current(), r.Card, r.Issuer)
	switch {
	case err != nil:
		return p, id, err
	case !IsNumber(r.Order):
		return p, id, &fieldError{"order", fmt.Sprintf("has %d characters, want 1 to %d letters, digits, hyphens and underscores", len(r.Order), maxOrder)}
	case r.Fen <= 0:
		return p, id, &fieldError{"amount_fen", fmt.Sprintf("is %d fen, want more than 0", r.Fen)}
	case r.Terminal != "" && !isTerminal(r.Terminal):
		return p, id, &fieldError{"terminal", fmt.Sprintf("is %q, want 12 hexadecimal digits", r.Terminal)}
	}
	return Placement{PlacedBy(r.Channel), r.Order, identity.CardOf(id), r.Fen, chart.Channel(r.Channel), r.Terminal}, id, nil
}

// mayPlace asks registry and rules as of now.
func (a *Authority) mayPlace(p *Placement, id keys.CardID) error {
	now := bcd.Time(a.Now())
	if err := allowAt(a.Registry.Current(), p.Placer.Channel(), id, now); err != nil {
		return err
	}
	if err := a.Fresh(); err != nil {
		return fmt.Errorf("load authority: %w", err)
	}
	rules, _ := a.Rules()
	at, _ := rulefile.SignedMoment(now)
	rule := rules.At(at)
	switch {
	case p.Fen%rule.MultipleOfFen != 0:
		return &fieldError{"amount_fen", fmt.Sprintf("is %d fen, want a multiple of %d", p.Fen, rule.MultipleOfFen)}
	case p.Fen > rule.MaximumFen:
		return &Refusal{verdict.AboveLimit, fmt.Sprintf("%d fen exceeds %d", p.Fen, rule.MaximumFen)}
	}
	return a.single(rules, p.Placer.Channel(), p.Fen)
}

// CardOf finds a card by its printed number, and its issuer in the registry where none is named.
func CardOf(edition *index.Edition, number, issuer string) (id keys.CardID, err error) {
	if id.ASN, err = tunion.ParseNumber(number); err != nil {
		return id, &fieldError{"card", fmt.Sprintf("has %d characters, want the card's 19 or 20 digits", len(number))}
	}
	if issuer == "" {
		card, known := edition.Card(id.Digits())
		if !known {
			return id, &Refusal{verdict.UnknownCard, "card " + index.Number(id.ASN).String()}
		}
		return card.ID, nil
	}
	b, err := hex.DecodeString(issuer)
	if err != nil || len(b) != len(id.Issuer) {
		return id, &fieldError{"issuer", "want 16 hexadecimal digits"}
	}
	copy(id.Issuer[:], b)
	return id, nil
}

// BecameOf tells what became of a channel's order.
func BecameOf(ctx context.Context, l *ledger.Ledger, channel, number string) (Placed, error) {
	placer := PlacedBy(channel)
	p := Placed{Placer: placer, Order: number, State: StateUnknown}
	key, err := (&Placement{Placer: placer, Number: number}).key()
	if err != nil {
		return p, &fieldError{"order", fmt.Sprintf("has %d characters, want 1 to %d", len(number), maxOrder)}
	}
	if w, found, err := FindWaiting(ctx, l, placer, number); err != nil || found {
		return w.placed(), err
	}
	row, found, err := l.Find(ctx, key)
	if err != nil || !found {
		return p, err
	}
	if strings.HasPrefix(string(row.Evidence), "group of ") {
		p.State, p.Day = StateGroup, row.BookingDay
		return p, nil
	}
	order, fen, ok := boundTo(row.Evidence)
	if !ok {
		return p, fmt.Errorf("load: order %s of %s is bound to %q", number, placer, row.Evidence)
	}
	card, _ := identity.ParseCard([]byte(order.Card))
	p.State, p.Fen, p.Card, p.Sequence, p.Day = StateAuthorised, fen, card.String(), &order.Load.Sequence, row.BookingDay
	return p, ended(ctx, l, []*Order{&order}, func(_ int, state State, day ledger.Day) {
		if p.State = state; day != 0 {
			p.Day = day
		}
	})
}

// boundTo reads what an order number is bound to.
func boundTo(evidence []byte) (o Order, fen ledger.Fen, ok bool) {
	var card, id string
	if _, err := fmt.Sscanf(string(evidence), "card %s load %s %d fen", &card, &id, &fen); err != nil {
		return o, 0, false
	}
	subject, err := hex.DecodeString(trimComma(card))
	if err != nil {
		return o, 0, false
	}
	b, err := hex.DecodeString(trimComma(id))
	if err != nil {
		return o, 0, false
	}
	o.Card = ledger.Subject(subject)
	o.Load, ok = identity.AuthorisedLoad(ledger.ID(b))
	return o, fen, ok
}

func trimComma(text string) string {
	if n := len(text); n > 0 && text[n-1] == ',' {
		return text[:n-1]
	}
	return text
}

// ended calls fn with each of the authorised orders that was refunded, that went over or that its
// card has.
func ended(ctx context.Context, l *ledger.Ledger, orders []*Order, fn func(i int, state State, written ledger.Day)) error {
	refunds := make([]ledger.Key, len(orders))
	for i, o := range orders {
		refunds[i] = o.Refunded()
	}
	refunded, err := l.FindAll(ctx, refunds)
	if err != nil {
		return err
	}
	written, err := WrittenIn(l)(ctx, orders)
	if err != nil {
		return err
	}
	for i := range orders {
		switch {
		case refunded[i] != nil && refunded[i].Credit == ledger.IDOfCode(chart.Float):
			fn(i, StateOver, 0)
		case refunded[i] != nil:
			fn(i, StateRefunded, 0)
		case written[i] != 0:
			fn(i, StateWritten, written[i])
		}
	}
	return nil
}

// OfCard lists the paid loads that a card does not have yet, as far as is known here: those that
// wait for it, and those for which MAC2 was given out and which it has not confirmed.
func OfCard(ctx context.Context, l *ledger.Ledger, card identity.Card) ([]Placed, error) {
	list := []Placed{}
	var waiting []Waiting
	err := l.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectWaiting+"WHERE card = $1 AND state IN ('waiting', 'authorised') ORDER BY booked, placer, number", card[:])
		if err == nil {
			waiting, err = pgx.CollectRows(rows, aWaiting)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what waits for a card: %w", err)
	}
	for i := range waiting {
		list = append(list, waiting[i].placed())
	}
	torn, err := TornOf(ctx, l, card)
	if err != nil {
		return nil, err
	}
	for i := range torn {
		if t := &torn[i]; t.Placer == "" { // else it is in the list
			list = append(list, Placed{PlacedBy(t.Channel), t.Number, StateAuthorised, t.Fen, card.String(), &t.Load.Sequence, t.Booked})
		}
	}
	return list, nil
}

// EachAuthorised passes the loads that were authorised for a card, with their requests.
func EachAuthorised(ctx context.Context, l *ledger.Ledger, card identity.Card, fn func(ledger.Row, identity.Load, *message.LoadRequest) error) error {
	return shadow.Statement(ctx, l, card.Subject(), identity.NoDay, identity.NoDay, func(row ledger.Row) error {
		as, ok := identity.AuthorisedLoad(row.ID)
		if !ok || row.IsMemo() {
			return nil
		}
		var request message.LoadRequest
		if err := proto.Unmarshal(row.Evidence, &request); err != nil {
			return fmt.Errorf("order of card %s, sequence %d: %w", card, as.Sequence, err)
		}
		return fn(row, as, &request)
	})
}
