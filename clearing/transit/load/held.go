package load

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// HeldNote is what the journal has of a waiting load that is held for a person.
type HeldNote struct {
	Placer   Placer `json:"placer"`
	Number   string `json:"order"`
	Refunded uint16 `json:"refunded"` // the card's sequence as which it was given back
	Asked    uint16 `json:"asked"`    // that of which the card asked for it
}

func heldForPerson() error {
	return &Refusal{verdict.LoadHeld, "the order was authorised for the card before and given back, and the card has counted on since: a person finds out whether it has the money"}
}

// mayHave reports whether a card that asks for a waiting load may have it: it was authorised for
// the card and given back, the card has counted on since, and no other order of that sequence is
// known by which it could have. Two people have said that the card did not have it; the card says
// that they may have been wrong.
func (a *Authority) mayHave(ctx context.Context, w *Waiting, asked uint16) (bool, error) {
	if w.Refunded == nil || asked == w.Refunded.Sequence {
		return false, nil
	}
	order := Order{w.Card.Subject(), identity.Load{Kind: w.Refunded.Kind, Sequence: w.Refunded.Sequence}}
	standing, err := Standing(ctx, a.Books.Amounts, []*Order{&order})
	return err == nil && standing[0] == 0, err
}

// hold keeps a waiting load for a person, and refuses it.
func (a *Authority) hold(ctx context.Context, w *Waiting, asked uint16) error {
	key, err := w.key()
	if err != nil {
		return err
	}
	note, err := json.Marshal(HeldNote{w.Placer, w.Number, w.Refunded.Sequence, asked})
	if err != nil {
		return fmt.Errorf("load authority: %w", err)
	}
	_, err = a.Books.PostOnce(ctx, a.Stream, a.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error {
			is, found, err := WaitingIn(ctx, tx, w.Placer, w.Number, true)
			if err == nil && (!found || is.State != StateWaiting || is.Refunded == nil || *is.Refunded != *w.Refunded) {
				err = errWaitedMoved
			}
			b.Transfers = []ledger.Transfer{{Day: key.Day, Subject: key.Subject, ID: identity.LoadHeld(w.Number), Act: ledger.KeepMemo, Evidence: note}}
			return err
		}
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if out.Transfers[0].Result != ledger.Inserted {
				return nil, fmt.Errorf("hold order %s of %s: %w", w.Number, w.Placer.Masked(), out.Transfers[0].Err)
			}
			_, err := tx.Exec(ctx, "UPDATE waiting_loads SET held = true WHERE placer = $1 AND number = $2", string(w.Placer), w.Number)
			return nil, err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load authority: %w", err)
	}
	return heldForPerson()
}
