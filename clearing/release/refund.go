package release

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/counters"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/people/proposal"
	"citycard/clearing/quarantine"
	"citycard/clearing/transit/load"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Refund is a request to refund a paid load to its channel; or, if it had waited for its card, to
// let it wait again.
type Refund struct {
	Card    string `json:"card"`              // its digits, as identity.Card has them
	Order   string `json:"order"`             // the channel's number
	Channel string `json:"channel,omitempty"` // may be empty where only one channel has the number for the card
	// Sequence is the card's online sequence; nil if only one order has the number.
	Sequence *uint16 `json:"sequence,omitempty"`
	// NotWritten says that the counter has read the card and that the card does not have the load.
	// Then the rules' waiting time does not apply.
	NotWritten bool `json:"not_written,omitempty"`
}

// Means reports whether a request is for a torn load.
func (r *Refund) Means(t *load.Torn) bool {
	card, ok := identity.ParseCard([]byte(t.Card))
	return ok && r.Card == card.Digits() && r.Order == t.Number && (r.Channel == "" || r.Channel == t.Channel) && (r.Sequence == nil || *r.Sequence == t.Load.Sequence)
}

// paidLoad is an order as the books have it.
type paidLoad struct {
	load.Order
	channel string
	fen     ledger.Fen
	booked  ledger.Day
	row     ledger.Key

	placer load.Placer // of an order that had waited for its card; empty: the channel paid at once
	number string
	taken  load.Taken // of one that the channel paid at once
}

// ShowRefund shows what giving a paid load back to its channel would book. The error is a *Refusal
// where the load cannot be refunded.
func (o *Office) ShowRefund(ctx context.Context, r Refund) (*Plan, error) {
	card, err := r.card()
	if err != nil {
		return nil, err
	}
	order, err := o.order(ctx, r, card)
	if err != nil {
		return nil, err
	}
	due := order.booked.Add(o.RefundAfterDays)
	if !r.NotWritten && o.Today < due {
		return nil, refuse("paid on %s: without a look at the card it can be refunded from %s on", order.booked, due).todo("wait until then, or look at the card and give --not-written")
	}
	because := refundDue(order.booked.String(), due.String())
	if r.NotWritten {
		because = refundSeen()
	}
	plan, err := refundPlan(order.row, &order.Order, order.channel, order.fen, because)
	if err != nil {
		return nil, err
	}
	plan.what, plan.keep = always(refundText(r, order.channel, card, order.Load.Sequence, order.fen)), order.keepRefund
	before, err := o.Ledger.Amounts(ctx, []ledger.Key{order.Refunded()})
	if err != nil {
		return nil, err
	}
	if before[0] == 0 {
		// The order matters: each check sees what was read or judged after the one before it.
		if err := o.unread(ctx); err != nil {
			return nil, err
		}
		if err := o.quarantined(ctx); err != nil {
			return nil, err
		}
		if err := o.unreported(ctx, order); err != nil {
			return nil, err
		}
		if err := o.Ledger.Look(ctx, func(tx pgx.Tx) error { return order.notInvoiced(ctx, tx) }); err != nil {
			return nil, err
		}
		plan.within = order.stands
	} else {
		plan.Rows[0].State = plan.Rows[0].Then
	}
	return plan, nil
}

func refundDue(paid, due string) proposal.Effect {
	return proposal.Effectf("it was paid on %s, and may be refunded from %s on without a look at the card", paid, due)
}

func refundSeen() proposal.Effect {
	return proposal.Effectf("a counter has read the card, and says that it does not have the load")
}

// refundPlan plans the refund of a row, which is an order's.
func refundPlan(row ledger.Key, order *load.Order, channel string, fen ledger.Fen, because proposal.Effect) (*Plan, error) {
	name := RowName(row)
	data, err := evidence{ActRefund, name, channel}.encode()
	if err != nil {
		return nil, err
	}
	refunded := Planned{Row: name, State: stateOf(Waits, ""), Then: "refunded to " + channel, To: channel, Fen: fen}
	refunded.add(order.Refunded(), chart.Unwritten, channel, fen, chart.PurposeLoadRefund, data)
	return &Plan{Act: ActRefund, Rows: []Planned{refunded}, effects: []proposal.Effect{because}}, nil
}

// keepRefund keeps it in its transaction.
func (p *paidLoad) keepRefund(ctx context.Context, tx pgx.Tx) error {
	if err := load.KeepRefund(ctx, tx, &p.Order, p.placer, p.number); err != nil || p.placer != "" {
		return err
	}
	return load.KeepTaken(ctx, tx, nil, p.taken)
}

// card reads the card of a request.
func (r *Refund) card() (identity.Card, error) {
	subject, err := hex.DecodeString(r.Card)
	card, ok := identity.ParseCard(subject)
	if err != nil || !ok {
		return card, refuse("%q is no card: want its 24 digits", r.Card)
	}
	return card, nil
}

// order looks the order up among what was paid for the card.
func (o *Office) order(ctx context.Context, r Refund, card identity.Card) (paidLoad, error) {
	accounts, err := o.Ledger.Accounts(ctx)
	if err != nil {
		return paidLoad{}, err
	}
	var found []paidLoad
	err = load.EachAuthorised(ctx, o.Ledger, card, func(row ledger.Row, paid identity.Load, request *message.LoadRequest) error {
		if request.GetOrder() == r.Order && (r.Channel == "" || request.GetChannel() == r.Channel) && (r.Sequence == nil || paid.Sequence == *r.Sequence) {
			account, _ := accounts.ByID(row.Debit)
			order := load.Order{Card: row.Subject, Load: paid}
			found = append(found, paidLoad{
				order, account.Code, row.Amount, row.BookingDay,
				ledger.Key{Day: row.Day, Subject: row.Subject, ID: row.ID},
				load.Placer(request.GetPlacer()), request.GetOrder(),
				load.Taken{Key: order.Refunded(), Channel: request.GetChannel(), Order: request.GetOrder(), Terminal: request.GetTerminal(), Fen: -row.Amount},
			})
		}
		return nil
	})
	if err != nil {
		return paidLoad{}, err
	}
	if found, err = o.standing(ctx, found); err != nil {
		return paidLoad{}, err
	}
	switch len(found) {
	case 0:
		return paidLoad{}, refuse("no order %q was paid for card %s", r.Order, card).todo("check --card and --order")
	case 1:
		return found[0], nil
	}
	return paidLoad{}, refuse("%d orders %q were paid for card %s: name the channel, and the card's sequence", len(found), r.Order, card).todo("give --channel and --sequence")
}

// standing leaves out refunded orders if there are others.
func (o *Office) standing(ctx context.Context, found []paidLoad) ([]paidLoad, error) {
	if len(found) < 2 {
		return found, nil
	}
	keys := make([]ledger.Key, len(found))
	for i := range found {
		keys[i] = found[i].Refunded()
	}
	refunded, err := o.Ledger.Amounts(ctx, keys)
	if err != nil {
		return nil, err
	}
	var open []paidLoad
	for i := range found {
		if refunded[i] == 0 {
			open = append(open, found[i])
		}
	}
	if len(open) == 0 {
		return found, nil
	}
	return open, nil
}

// unread refuses if a day was closed without a stream of loads and part of that stream is still
// unread: the card's confirmation may be in it.
func (o *Office) unread(ctx context.Context) error {
	list, err := counters.Checker{Ledger: o.Ledger}.EverUnread(ctx)
	if err != nil {
		return err
	}
	for _, u := range list {
		if topic, _, _ := strings.Cut(u.Stream, "/"); topic != message.TopicLoads {
			continue
		}
		stream, err := o.Ledger.Stream(ctx, u.Stream)
		if err != nil && !errors.Is(err, ledger.ErrNoStream) {
			return err
		}
		if stream.Next < u.End {
			return refuse("day %s was closed without %s, which stands at %d of %d: the card's word may be unread there; have it read first", u.Day, u.Stream, stream.Next, u.End)
		}
	}
	return nil
}

// quarantined refuses while a record of a load is kept alone: it may be the card's confirmation.
func (o *Office) quarantined(ctx context.Context) error {
	open, err := quarantine.OpenOf(ctx, o.Ledger, message.TopicLoads)
	if err != nil {
		return err
	}
	if open > 0 {
		return refuse("%d records of written loads are in quarantine, and the card's word may be among them: judge them first (citycard quarantine judge)", open)
	}
	return nil
}

// unreported refuses an order whose load the card has confirmed, under any signed day. notWritten
// asks a table beside the journal; this asks the journal itself.
func (o *Office) unreported(ctx context.Context, p paidLoad) error {
	const first, last ledger.Day = 19000101, 29991231
	id, written := identity.LoadWritten(p.Load.Kind, p.Load.Sequence), ledger.Day(0)
	err := shadow.Statement(ctx, o.Ledger, p.Card, first, last, func(row ledger.Row) error {
		if row.ID == id {
			written = row.Day
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("look for the card's word: %w", err)
	case written != 0:
		return refuse("the card has it: written on %s", written).todo("it needs no refund")
	}
	return nil
}

// stands makes sure inside the refund's transaction that the order may be refunded: no card has it,
// and no invoice that holds its money was asked for meanwhile.
func (p *paidLoad) stands(ctx context.Context, tx pgx.Tx) error {
	if err := p.notInvoiced(ctx, tx); err != nil {
		return err
	}
	return p.notWritten(ctx, tx)
}

// notInvoiced refuses an order whose money goes back to its channel while its invoice holds it. One
// that had waited goes on waiting, and keeps its invoice.
func (p *paidLoad) notInvoiced(ctx context.Context, tx pgx.Tx) error {
	if p.placer != "" {
		return nil
	}
	err := load.NotInvoiced(ctx, tx, load.Placer(p.channel), p.number)
	if refused, ok := errors.AsType[*proposal.Refusal](err); ok {
		return &Refusal{Text: refused.Text, Todo: refused.Todo}
	}
	return err
}

// notWritten asks the same inside the refund's transaction. It conflicts there with a batch that
// brings the card's confirmation.
func (p *paidLoad) notWritten(ctx context.Context, tx pgx.Tx) error {
	days, err := load.WrittenOn(ctx, tx, []*load.Order{&p.Order})
	if err != nil {
		return err
	}
	if days[0] != 0 {
		return refuse("the card has it: written on %s", days[0]).todo("it needs no refund")
	}
	return nil
}
