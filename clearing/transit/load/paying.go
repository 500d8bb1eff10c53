package load

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// errWaitedMoved means that a waiting load was not as it had been read; the request may come again.
var errWaitedMoved = errors.New("load authority: the order moved just now")

// payPlaced makes sure that an order which is paid already may get MAC2 for the card and sequence
// of a request. One that waits is authorised now, out of what was paid for it.
func (a *Authority) payPlaced(ctx context.Context, r *message.LoadRequest, o keys.LoadOrder) error {
	placer, card := Placer(r.GetPlacer()), identity.CardOf(o.Card)
	w, found, err := FindWaiting(ctx, a.Books, placer, r.GetOrder())
	switch {
	case err != nil:
		return fmt.Errorf("load authority: %w", err)
	case !found:
		return a.paidAtOnce(ctx, r, o)
	case w.Card != card || w.Fen != ledger.Fen(o.Amount):
		return &Refusal{verdict.LoadConflict, "the order is of another card or amount"}
	}
	switch w.State {
	case StateWaiting:
		return a.payWaiting(ctx, r, o, &w)
	case StateAuthorised:
		// The card counts on when a load is written, so this is the very load.
		if w.Load.Sequence == o.OnlineSequence && w.Load.Kind == o.Type {
			return nil
		}
		return &Refusal{verdict.LoadConflict, fmt.Sprintf("the order was authorised for online sequence %d of the card", w.Load.Sequence)}
	}
	if w.State == StateHeld {
		return heldForPerson()
	}
	return &Refusal{verdict.LoadEnded, "the order is " + string(w.State)}
}

// paidAtOnce makes sure that a channel's order was authorised for the very card and sequence, and
// not refunded. So any counter writes what another has been paid for.
func (a *Authority) paidAtOnce(ctx context.Context, r *message.LoadRequest, o keys.LoadOrder) error {
	channel := Placer(r.GetPlacer()).Channel()
	if channel == "" {
		return unknownOrder()
	}
	evidence, err := orderEvidence(r, o, channel, "")
	if err != nil {
		return err
	}
	order := Order{identity.CardOf(o.Card).Subject(), identity.Load{Kind: o.Type, Sequence: o.OnlineSequence}}
	paid, err := Standing(ctx, a.Books.Amounts, []*Order{&order})
	if err != nil {
		return err
	}
	if paid[0] == 0 {
		return unknownOrder()
	}
	row, found, err := a.Books.Find(ctx, order.Paid())
	switch {
	case err != nil:
		return fmt.Errorf("load authority: %w", err)
	case !found || !sameOrder(row.Evidence, evidence):
		return unknownOrder()
	}
	return nil
}

func unknownOrder() error {
	return &Refusal{verdict.LoadUnknown, "no such order is paid for this card, sequence and amount"}
}

// payWaiting books a waiting load as authorised, and that it is.
func (a *Authority) payWaiting(ctx context.Context, r *message.LoadRequest, o keys.LoadOrder, w *Waiting) error {
	order := Order{w.Card.Subject(), identity.Load{Kind: o.Type, Sequence: o.OnlineSequence}}
	switch have, err := a.mayHave(ctx, w, o.OnlineSequence); {
	case err != nil:
		return err
	case have:
		return a.hold(ctx, w, o.OnlineSequence)
	}
	switch standing, err := Standing(ctx, a.Books.Amounts, []*Order{&order}); {
	case err != nil:
		return err
	case standing[0] != 0:
		return &Refusal{verdict.LoadConflict, fmt.Sprintf("online sequence %d of the card belongs to another order", o.OnlineSequence)}
	case order.Load.Attempt >= identity.MaxAttempt:
		return exhausted(o.OnlineSequence)
	}
	evidence, err := orderEvidence(r, o, w.Placer.Channel(), w.Placer)
	if err != nil {
		return err
	}
	key := order.Paid()
	out, err := a.Books.PostOnce(ctx, a.Stream, a.Owner, 0, func(b *ledger.Batch) error {
		b.Transfers = []ledger.Transfer{{
			Day: key.Day, Subject: key.Subject, ID: key.ID, Debit: ledger.IDOfCode(chart.Waiting), Credit: ledger.IDOfCode(chart.Unwritten),
			Amount: w.Fen, Purpose: chart.PurposeLoadAuthorised, Evidence: evidence,
		}}
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error {
			return stillWaits(ctx, tx, w, &order)
		}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if out.Transfers[0].Result != ledger.Inserted {
				return nil, nil
			}
			if err := keepAuthorised(ctx, tx, b.Day, order); err != nil {
				return nil, err
			}
			return nil, w.becomes(ctx, tx, StateAuthorised, &order.Load)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load authority: %w", err)
	}
	switch paid := out.Transfers[0]; {
	case paid.Result == ledger.Inserted:
		return nil
	case paid.Disputed:
		return &Refusal{verdict.LoadConflict, fmt.Sprintf("online sequence %d of the card belongs to another order", o.OnlineSequence)}
	case paid.Result == ledger.Duplicate:
		return errWaitedMoved
	default:
		return refusedPosting(paid.Err)
	}
}

// stillWaits makes sure, in the transaction that authorises a waiting load, that it waits, and that
// its card has confirmed no other load of the sequence.
func stillWaits(ctx context.Context, tx pgx.Tx, w *Waiting, order *Order) error {
	is, found, err := WaitingIn(ctx, tx, w.Placer, w.Number, true)
	if err != nil {
		return err
	}
	if !found || is.State != StateWaiting || is.Card != w.Card {
		return errWaitedMoved
	}
	if w.Refunded != nil != (is.Refunded != nil) || w.Refunded != nil && *w.Refunded != *is.Refunded {
		return errWaitedMoved
	}
	days, err := WrittenOn(ctx, tx, []*Order{order})
	if err == nil && days[0] != 0 {
		err = &Refusal{verdict.LoadConflict, fmt.Sprintf("the card has confirmed a load of online sequence %d", order.Load.Sequence)}
	}
	return err
}

// orderEvidence is what says that two requests are the same order, and at which terminal its money
// was taken (sameOrder). It leaves out the card's random number and MAC1, which change with each
// request, and whose counter asks for an order that is paid already.
func orderEvidence(r *message.LoadRequest, o keys.LoadOrder, channel string, placer Placer) ([]byte, error) {
	evidence, err := proto.MarshalOptions{Deterministic: true}.Marshal(&message.LoadRequest{
		Order: r.GetOrder(), Channel: channel, Card: o.Card.ASN[:], AmountFen: r.GetAmountFen(), OnlineSequence: r.GetOnlineSequence(), Placer: string(placer), Terminal: o.Terminal[:],
	})
	if err != nil {
		return nil, fmt.Errorf("load authority: encode evidence: %w", err)
	}
	return evidence, nil
}

func exhausted(sequence uint16) error {
	return &Refusal{verdict.LoadExhausted, fmt.Sprintf("online sequence %d of the card was ordered and refunded %d times", sequence, identity.MaxAttempt)}
}
