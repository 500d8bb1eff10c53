package load

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/ledger"
)

// Moving takes the loads that wait for a card over to the card that took its place. The orders stay
// what they are: their placers ask for them by the same numbers, their money does not move, and
// any counter writes them to the new card. A caller has it in a batch of their own:
//
//	Prepare  MovingOf, whose Notes join the batch's chain
//	Finish   Keep
//
// An order for which MAC2 was given out stays with its card, which may have it; so does one of
// which two people have said that the card did not have it, and one that is held. The new card's
// counter could not show that they were wrong. Two people take such an order back.
type Moving struct {
	from, to identity.Card
	orders   []Waiting
	notes    []ledger.Transfer
}

// MoveNote is what the journal has of one of them.
type MoveNote struct {
	Placer Placer `json:"placer"`
	Number string `json:"order"`
	Move   int64  `json:"move"` // from 1, of the order
	From   string `json:"from"` // the cards' digits
	To     string `json:"to"`
}

// Card reads the card of a note.
func (n *MoveNote) Card() (identity.Card, error) { return cardOfDigits(n.To) }

func cardOfDigits(text string) (identity.Card, error) {
	digits, err := hex.DecodeString(text)
	card, ok := identity.ParseCard(digits)
	if err != nil || !ok {
		return card, fmt.Errorf("%q is no card", text)
	}
	return card, nil
}

// goesOver is the condition on a load that waits for a card to go over to another one.
const goesOver = "state = 'waiting' AND NOT held AND refunded = ''::BYTEA"

// MovingOf finds what waits for a card, with its rows locked until the transaction ends. There may
// be nothing.
func MovingOf(ctx context.Context, tx pgx.Tx, from, to identity.Card) (*Moving, error) {
	m := &Moving{from: from, to: to}
	rows, err := tx.Query(ctx, selectWaiting+"WHERE card = $1 AND "+goesOver+" ORDER BY placer, number FOR UPDATE", from[:])
	if err == nil {
		m.orders, err = pgx.CollectRows(rows, aWaiting)
	}
	if err != nil {
		return nil, fmt.Errorf("read what waits for a card: %w", err)
	}
	for i := range m.orders {
		w := &m.orders[i]
		key, err := w.key()
		if err != nil {
			return nil, err
		}
		note, err := json.Marshal(MoveNote{w.Placer, w.Number, w.Moves + 1, from.Digits(), to.Digits()})
		if err != nil {
			return nil, fmt.Errorf("move a waiting load: %w", err)
		}
		m.notes = append(m.notes, ledger.Transfer{
			Day: key.Day, Subject: key.Subject, ID: identity.LoadMoved(w.Number, w.Moves+1), Act: ledger.KeepMemo, Linked: true, Evidence: note,
		})
	}
	return m, nil
}

// Fen is their sum.
func (m *Moving) Fen() (sum ledger.Fen) {
	for i := range m.orders {
		sum += m.orders[i].Fen
	}
	return sum
}

// Notes are rows for the caller's chain; all are linked to what comes behind them.
func (m *Moving) Notes() []ledger.Transfer { return slices.Clone(m.notes) }

// Keep stores, in the transaction that books the notes, that the orders wait for the new card. It
// is for notes that are new (ledger.Inserted).
func (m *Moving) Keep(ctx context.Context, tx pgx.Tx) error {
	for i := range m.orders {
		w := &m.orders[i]
		_, err := tx.Exec(ctx, "UPDATE waiting_loads SET card = $3, moves = $4 WHERE placer = $1 AND number = $2",
			string(w.Placer), w.Number, m.to[:], w.Moves+1)
		if err != nil {
			return fmt.Errorf("move a waiting load: %w", err)
		}
	}
	return nil
}

// placedAs is what a load was placed as, whichever card it waits for now.
func (a *Authority) placedAs(ctx context.Context, w *Waiting) (Placement, error) {
	if w.Moves == 0 {
		return w.Placement, nil
	}
	key, err := w.key()
	if err != nil {
		return Placement{}, err
	}
	row, found, err := a.Books.Find(ctx, key)
	switch {
	case err != nil:
		return Placement{}, fmt.Errorf("load authority: %w", err)
	case !found:
		return Placement{}, fmt.Errorf("load authority: order %s of %s is kept and not booked", w.Number, w.Placer.Masked())
	}
	return ReadPlacement(row.Evidence)
}
