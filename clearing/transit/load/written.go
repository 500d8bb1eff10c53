package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/ledger"
)

// Written finds the signed day under which the books have the card's confirmation of each load, 0
// where they have none. Once a load has one, the answer never changes.
type Written func(ctx context.Context, orders []*Order) ([]ledger.Day, error)

// WrittenIn looks in the books, before a transaction.
func WrittenIn(l *ledger.Ledger) Written {
	return func(ctx context.Context, orders []*Order) (days []ledger.Day, err error) {
		err = l.Retry(ctx, func(ctx context.Context) error {
			days, err = WrittenOn(ctx, l.Pool(), orders)
			return err
		})
		return days, err
	}
}

// querier is a pool of connections, or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// WrittenOn is Written for a caller that has a transaction of its own.
func WrittenOn(ctx context.Context, q querier, orders []*Order) ([]ledger.Day, error) {
	days := make([]ledger.Day, len(orders))
	if len(orders) == 0 {
		return days, nil
	}
	cards, kinds, sequences := make([][]byte, len(orders)), make([]int64, len(orders)), make([]int64, len(orders))
	numbers := make([]int32, len(orders))
	for i, o := range orders {
		numbers[i] = int32(i)
		cards[i], kinds[i], sequences[i] = []byte(o.Card), int64(o.Load.Kind), int64(o.Load.Sequence)
	}
	rows, err := q.Query(ctx, `SELECT o.n, w.day FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[], $4::INT4[]) AS o (card, type, sequence, n)
		JOIN written_loads AS w ON w.card = o.card AND w.type = o.type AND w.sequence = o.sequence`, cards, kinds, sequences, numbers)
	if err != nil {
		return nil, fmt.Errorf("load: read written loads: %w", err)
	}
	var n int32
	var day ledger.Day
	if _, err = pgx.ForEachRow(rows, []any{&n, &day}, func() error {
		days[n] = day
		return nil
	}); err != nil {
		return nil, fmt.Errorf("load: read written loads: %w", err)
	}
	return days, nil
}

// keepWritten stores the confirmations among a batch's transfers, in its transaction. Of two
// confirmations of one load the first stays.
func keepWritten(ctx context.Context, tx pgx.Tx, transfers []ledger.Transfer) error {
	var cards [][]byte
	var kinds, sequences []int64
	var days []int32
	kept := map[ledger.Key]bool{}
	for i := range transfers {
		t := &transfers[i]
		l, ok := identity.WrittenLoad(t.ID)
		if load := (ledger.Key{Subject: t.Subject, ID: t.ID}); ok && !kept[load] {
			kept[load] = true
			cards, kinds, sequences, days = append(cards, []byte(t.Subject)), append(kinds, int64(l.Kind)), append(sequences, int64(l.Sequence)), append(days, int32(t.Day))
		}
	}
	if len(cards) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO written_loads (card, type, sequence, day) SELECT card, type, sequence, day
		FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[], $4::INT4[]) AS o (card, type, sequence, day) ON CONFLICT (card, type, sequence) DO NOTHING`,
		cards, kinds, sequences, days)
	if err != nil {
		return fmt.Errorf("load: keep written loads: %w", err)
	}
	if err := confirmed(ctx, tx, cards, kinds, sequences); err != nil {
		return err
	}
	return keepWaited(ctx, tx, cards, kinds, sequences)
}
