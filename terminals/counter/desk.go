package counter

import (
	"bytes"
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/card"
)

// Desk puts money on cards, one at a time, and knows each order until it knows what became of it.
//
// The number of an order is on the disk before the authority is asked, and MAC2 before the card is
// told:
//
//	Asked   on the disk, then the authority is asked
//	Told    on the disk, then the card is told
//	        the card's confirmation is on the disk, and the order ends, in one write
//
// Killed between any two of them, the next run has the order. Resolve asks the card, and then the
// authority with the same order: a channel's number is one load's for ever, and pays once.
type Desk struct {
	Book      *Book
	Authority LoadAuthority
	Channel   string // who takes the money
	Terminal  [6]byte
	Medium    message.Medium
	// Written is told each load that its card has confirmed, before its order ends, with its placer
	// (empty: it was paid here); nil where nobody listens. It can come twice for one order, after a
	// crash. After an error the order stays open.
	Written func(placer string, load *message.Load) error
}

// Ask is what staff agreed to: an amount for the card that they were shown.
type Ask struct {
	Order string // its number, unique in the channel
	Card  keys.CardID
	Fen   uint32
}

var (
	// ErrSwapped: the card is not the one that was shown. Nothing was done.
	ErrSwapped = language.Textf("this is another card than the one that was shown: nothing was done")
	// ErrOpen: the card has an order that is not finished. It comes first.
	ErrOpen = language.Textf("the card has an order that is not finished: it comes first")
	// ErrAsk: an order without number, amount, channel or terminal.
	ErrAsk = language.Textf("an order has a number of 1 to 64 letters, digits, hyphens and underscores, and an amount above 0")
)

// OpenError: the order stays open, and its money with it. Put the same card in and resolve it; give
// nothing back before.
type OpenError struct {
	Order string
	Err   error
}

func (e *OpenError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *OpenError) In(l language.Language) string {
	return language.Textf("order %s is not finished: put the same card in and resolve it, and give no money back before: %w", e.Order, e.Err).In(l)
}

func (e *OpenError) Unwrap() error { return e.Err }

// TopUp puts an amount on the card. at is in the city's zone. With a *message.Load the card has it
// and the record is on the disk. Errors: ErrAsk, ErrSwapped, ErrOpen, *RefusedError, *DeniedError
// and those of [card.OpenPurse], after which nothing was booked; *OpenError, after which the order
// is open; or the outbox's.
func (d *Desk) TopUp(ctx context.Context, c apdu.Card, ask Ask, at time.Time) (*message.Load, error) {
	if !orderNumber.MatchString(ask.Order) || ask.Fen == 0 || d.Channel == "" {
		return nil, ErrAsk
	}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return nil, err
	}
	if p.ID() != ask.Card {
		return nil, ErrSwapped
	}
	if len(d.Book.Of(ask.Card)) > 0 {
		return nil, ErrOpen
	}
	return d.write(ctx, p, &message.Load{Order: ask.Order, Channel: d.Channel, AmountFen: ask.Fen}, attempt{Desk: d}, at)
}

// attempt is one attempt to write an order.
type attempt struct {
	*Desk
	before *Open  // what an earlier attempt has left; nil for a new order
	placer string // of an order that waits for the card
	asked  bool   // on the disk
}

// write asks for an order's money and writes it.
func (d *Desk) write(ctx context.Context, p *card.Purse, order *message.Load, try attempt, at time.Time) (*message.Load, error) {
	now := bcd.Time(at)
	order.Terminal, order.Time, order.Medium = d.Terminal[:], now[:], d.Medium
	load, err := p.Load(ctx, order, try.authorise)
	if err == nil {
		return load, d.done(try.placer, load)
	}
	if !try.asked && try.before == nil { // nothing is on the disk, or nothing any more
		return nil, err
	}
	return nil, &OpenError{order.GetOrder(), err}
}

// done ends an order that its card has confirmed.
func (d *Desk) done(placer string, load *message.Load) error {
	if d.Written != nil {
		if err := d.Written(placer, load); err != nil {
			return &OpenError{load.GetOrder(), err}
		}
	}
	if err := d.Book.written((&Open{Load: load, Placer: placer}).Name(), load); err != nil {
		return &OpenError{load.GetOrder(), err}
	}
	return nil
}

// authorise makes the order durable, asks for MAC2 and makes that durable.
func (a *attempt) authorise(ctx context.Context, r *message.LoadRequest) (keys.MAC, error) {
	r.Placer = a.placer
	o := Open{State: Asked, Placer: a.placer, Load: &message.Load{
		Medium: a.Medium, Card: r.GetCard(), Issuer: r.GetIssuer(), Type: uint32(purse.TypeEPLoad), AmountFen: r.GetAmountFen(),
		Terminal: r.GetTerminal(), OnlineSequence: r.GetOnlineSequence(), Time: r.GetTime(), NewBalanceFen: r.GetOldBalanceFen() + r.GetAmountFen(),
		KeyVersion: r.GetKeyVersion(), Algorithm: r.GetAlgorithm(), Order: r.GetOrder(), Channel: r.GetChannel(),
	}}
	if a.before != nil && a.before.Load.GetOnlineSequence() != r.GetOnlineSequence() {
		// The first number that this order may be bound to is the one to be remembered.
		o.Load.OnlineSequence = a.before.Load.GetOnlineSequence()
	}
	if err := a.Book.keep(o); err != nil {
		return keys.MAC{}, err
	}
	a.asked = true
	answer, err := a.ask(ctx, r)
	if err != nil {
		return keys.MAC{}, a.unbooked(o.Name(), err)
	}
	if reason := answer.GetRefusal(); reason != "" {
		return keys.MAC{}, a.unbooked(o.Name(), &RefusedError{Order: r.GetOrder(), Reason: reason})
	}
	if len(answer.GetMac2()) != len(keys.MAC{}) {
		return keys.MAC{}, language.Textf("the load authority answers with a MAC2 of %d bytes, want 4", len(answer.GetMac2()))
	}
	o.State, o.MAC2, o.Load.OnlineSequence = Told, keys.MAC(answer.GetMac2()), r.GetOnlineSequence()
	return o.MAC2, a.Book.keep(o)
}

// ask asks twice where there is no answer: the same request is paid once.
func (a *attempt) ask(ctx context.Context, r *message.LoadRequest) (*message.LoadAnswer, error) {
	answer, err := a.Authority.AuthoriseLoad(ctx, r)
	if denied := (*DeniedError)(nil); err == nil || errors.As(err, &denied) || ctx.Err() != nil {
		return answer, err
	}
	return a.Authority.AuthoriseLoad(ctx, r)
}

// unbooked ends a new order that the authority has refused: nothing was booked. One that was asked
// for before may have been booked then, and stays.
func (a *attempt) unbooked(name Name, err error) error {
	var refused *RefusedError
	var denied *DeniedError
	if a.before != nil || !errors.As(err, &refused) && !errors.As(err, &denied) {
		return err
	}
	if failed := a.Book.end(name); failed != nil {
		return failed
	}
	a.asked = false
	return err
}

// Outcome is what became of an order.
type Outcome string

// The outcomes.
const (
	// WasWritten: the card had the money already; its confirmation is on the disk now.
	WasWritten Outcome = "was_written"
	// WrittenNow: the card did not have it, and has it now.
	WrittenNow Outcome = "written"
	// GivenBack: the centre has given the money back to the channel. The customer gets it back.
	GivenBack Outcome = "given_back"
	// NotBooked: the authority never took the money. The customer gets it back.
	NotBooked Outcome = "not_booked"
	// Waited: the order waited for the card, which has it now.
	Waited Outcome = "waited"
	// Ended: the order waited for the card, and the centre says that it waits no more. Nobody paid
	// for it here, and nothing is given back.
	Ended Outcome = "ended"
	// Elsewhere: the order waits for the card, and another load of it comes first. Nobody has paid
	// for it here, and nothing is given back.
	Elsewhere Outcome = "elsewhere"
	// Unproved: the card was loaded elsewhere since and can prove this order no more. A person
	// finds out, with the centre; nothing is given back before.
	Unproved Outcome = "unproved"
)

// Resolved is an order, and what became of it.
type Resolved struct {
	Order   string
	Placer  string // of an order that somebody else has paid; empty: it was paid here
	Fen     uint32
	Outcome Outcome
	Load    *message.Load // of one that is written
	Logged  bool          // of one that is unproved: the card's log has it
}

// Resolve finds out what became of the open orders of the card, and writes those that it does not
// have. An error is that of the first order that stays open; what was resolved before it is in the
// result all the same.
func (d *Desk) Resolve(ctx context.Context, c apdu.Card, at time.Time) (all []Resolved, err error) {
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, o := range d.Book.Of(p.ID()) {
		r, err := d.resolve(ctx, c, &o, at)
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}

func (d *Desk) resolve(ctx context.Context, c apdu.Card, o *Open, at time.Time) (Resolved, error) {
	r := Resolved{Order: o.Load.GetOrder(), Placer: o.Placer, Fen: o.Load.GetAmountFen()}
	if o.State == Told {
		load, err := card.ResolveLoad(ctx, c, &card.UnknownError{Load: o.Load, MAC2: o.MAC2})
		switch {
		case errors.Is(err, card.ErrTooLate):
			return d.late(ctx, c, o)
		case err != nil:
			return r, &OpenError{r.Order, err}
		case load != nil:
			r.Outcome, r.Load = WasWritten, load
			return r, d.done(o.Placer, load)
		}
	}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return r, &OpenError{r.Order, err}
	}
	order := &message.Load{Order: r.Order, Channel: o.Load.GetChannel(), AmountFen: r.Fen}
	load, err := d.write(ctx, p, order, attempt{Desk: d, before: o, placer: o.Placer}, at)
	if err == nil {
		r.Outcome, r.Load = WrittenNow, load
		return r, nil
	}
	refused, ok := errors.AsType[*RefusedError](err)
	switch {
	case ok && o.Placer != "" && waitsNoMore(refused.Reason):
		r.Outcome = Ended
		return r, d.Book.end(o.Name())
	case ok && refused.Reason == reasonGivenBack:
		r.Outcome = GivenBack
		return r, d.Book.end(o.Name())
	case ok && refused.Reason == reasonConflict:
		return d.conflict(ctx, c, o)
	}
	return r, err
}

// Reasons of the authority by which an order that was asked for before ends.
const (
	reasonGivenBack = "load_refunded"
	reasonConflict  = "load_conflict"
)

// conflict finds out what it means that another order has the card's number. If the card has not
// moved since this order was asked for, that other one was first, and this one was never booked.
func (d *Desk) conflict(ctx context.Context, c apdu.Card, o *Open) (Resolved, error) {
	moved, err := d.moved(ctx, c, o)
	if err != nil {
		return Resolved{}, &OpenError{o.Load.GetOrder(), err}
	}
	if moved {
		return d.late(ctx, c, o)
	}
	r := Resolved{Order: o.Load.GetOrder(), Placer: o.Placer, Fen: o.Load.GetAmountFen(), Outcome: NotBooked}
	if o.Placer != "" {
		r.Outcome = Elsewhere
	}
	return r, d.Book.end(o.Name())
}

// moved reports whether the card was loaded since an order was asked for first.
func (d *Desk) moved(ctx context.Context, c apdu.Card, o *Open) (bool, error) {
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return false, err
	}
	online, err := p.OnlineCounter(ctx, d.Terminal)
	return uint32(online) != o.Load.GetOnlineSequence(), err
}

// late keeps an order that its card can prove no more.
func (d *Desk) late(ctx context.Context, c apdu.Card, o *Open) (Resolved, error) {
	r := Resolved{Order: o.Load.GetOrder(), Placer: o.Placer, Fen: o.Load.GetAmountFen(), Outcome: Unproved}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return r, &OpenError{r.Order, err}
	}
	log, err := p.Log(ctx)
	if err != nil {
		return r, &OpenError{r.Order, err}
	}
	for _, l := range log {
		r.Logged = r.Logged || l.Type == purse.TypeEPLoad && uint32(l.Sequence) == o.Load.GetOnlineSequence() &&
			l.Amount == r.Fen && bytes.Equal(l.Terminal[:], o.Load.GetTerminal()) && bytes.Equal(l.Time[:], o.Load.GetTime())
	}
	kept := Open{State: Late, Load: proto.CloneOf(o.Load), MAC2: o.MAC2, Placer: o.Placer}
	return r, d.Book.keep(kept)
}
