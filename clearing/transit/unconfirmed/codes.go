package unconfirmed

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/ledger"
)

// Codes are the codes that two people gave up as lost, as a process knows them. A batch of taps is
// judged by what is known, and reads one row inside its transaction to make sure that it is all. It
// is safe for concurrent use.
type Codes struct {
	Ledger *ledger.Ledger

	mu    sync.Mutex
	known *Lost
	moved bool
}

// Lost are the codes that were lost at some moment. It is not changed any more.
type Lost struct {
	next int64 // number of the first one that is not among them
	fen  map[ledger.Key]ledger.Fen
}

// Now are those that are lost, as far as is known.
func (c *Codes) Now(ctx context.Context) (*Lost, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known != nil && !c.moved {
		return c.known, nil
	}
	now := &Lost{fen: map[ledger.Key]ledger.Fen{}}
	if c.known != nil {
		now.next, now.fen = c.known.next, maps.Clone(c.known.fen)
	}
	from := now.next
	// A batch waits for this: it is bounded like every statement of one, as a Look is not.
	err := c.Ledger.Retry(ctx, func(ctx context.Context) error {
		rows, err := c.Ledger.Pool().Query(ctx, "SELECT number, card, day, id, fen FROM lost_codes WHERE number >= $1 ORDER BY number", from)
		if err != nil {
			return err
		}
		var number int64
		var card, id []byte
		var day ledger.Day
		var fen ledger.Fen
		_, err = pgx.ForEachRow(rows, []any{&number, &card, &day, &id, &fen}, func() error {
			now.next = number + 1
			if number > 0 {
				now.fen[ledger.Key{Day: day, Subject: ledger.Subject(card), ID: ledger.ID(id)}] = fen
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the lost codes: %w", err)
	}
	c.known, c.moved = now, false
	return now, nil
}

// Still makes sure, inside the transaction of a batch that was judged by them, that these are all.
// If not, the error is docket.ErrMoved.
func (c *Codes) Still(ctx context.Context, tx pgx.Tx, lost *Lost) error {
	more := false
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM lost_codes WHERE number = $1)", lost.next).Scan(&more); err != nil {
		return fmt.Errorf("read the lost codes: %w", err)
	}
	if !more {
		return nil
	}
	c.mu.Lock()
	c.moved = true
	c.mu.Unlock()
	return fmt.Errorf("%w: another code was given up as lost", docket.ErrMoved)
}

// Found is the transfer that gives the money of a lost code back to the float, for the chain of the
// tap that has come after all; ok is false where its code was not lost.
func (l *Lost) Found(tap ledger.Key) (back ledger.Transfer, ok bool) {
	if l == nil {
		return back, false
	}
	fen, ok := l.fen[tap]
	return ledger.Transfer{
		Day: tap.Day, Subject: tap.Subject, ID: identity.CodeFound(tap.ID), Debit: ledger.IDOfCode(chart.CodeLost), Credit: ledger.IDOfCode(chart.Float),
		Amount: fen, Purpose: chart.PurposeCodeFound,
	}, ok
}
