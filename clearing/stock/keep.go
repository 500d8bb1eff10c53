package stock

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// Stream is where acts are booked. All of them are in one, so each has the number after the last.
const Stream = "stock"

// Booking books acts in a batch that is being prepared.
type Booking struct {
	By    ledger.Approval
	At    time.Time
	last  int64 // number of the last act
	known bool
}

// Do does an act, in a transaction whose batch gets its note: it numbers the record, moves the
// pieces and keeps its row. What cannot be done is refused; then nothing of the batch may be
// booked.
func (b *Booking) Do(ctx context.Context, tx pgx.Tx, batch *ledger.Batch, r *Record) error {
	if !b.known {
		if err := tx.QueryRow(ctx, "SELECT coalesce(max(number), 0) FROM stock_acts").Scan(&b.last); err != nil {
			return fmt.Errorf("number an act of stock: %w", err)
		}
		b.known = true
	}
	r.Number = b.last + 1
	if r.Do != Count {
		was, err := window(ctx, tx, r.Kind, r.Range, locking)
		if err != nil {
			return err
		}
		is, err := Apply(was, r)
		if err != nil {
			return err
		}
		if err := keep(ctx, tx, r.Kind, was, is); err != nil {
			return err
		}
	}
	note, text, err := r.note(batch.Day)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO stock_acts (number, day, at, person, second, id, record) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		r.Number, batch.Day, b.At.Unix(), b.By.First, b.By.Second, []byte(note.ID), text); err != nil {
		return fmt.Errorf("keep an act of stock: %w", err)
	}
	batch.Transfers = append(batch.Transfers, note)
	b.last = r.Number
	return nil
}

// Booked refuses an outcome in which a row was not booked.
func Booked(out *ledger.Outcome) error {
	for _, answer := range out.Transfers {
		if answer.Result != ledger.Inserted {
			return refused(language.Textf("the ledger refused: %v", answer.Err), language.Textf("give the command again"))
		}
	}
	return nil
}

const selectLots = "SELECT first, last, product, store, state FROM stock "

func scanLot(row pgx.CollectableRow) (l Lot, err error) {
	err = row.Scan(&l.First, &l.Last, &l.Product, &l.Store, &l.State)
	return l, err
}

// querier is a pool of connections, or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// locking has lots stay as they are until the transaction ends.
const locking = " FOR UPDATE"

// window reads the lots that have one of some serials, or the one before or behind.
func window(ctx context.Context, tx pgx.Tx, kind Kind, of Range, lock string) ([]Lot, error) {
	return lots(ctx, tx, selectLots+`WHERE kind = $1 AND first >= (SELECT coalesce(max(first), 0) FROM stock WHERE kind = $1 AND first < $2)
		AND first <= $3 ORDER BY first`+lock, string(kind), of.First, of.Last+1)
}

// LotOf reads the lot of one serial.
func LotOf(ctx context.Context, q querier, kind Kind, serial int64) (l Lot, found bool, err error) {
	list, err := lots(ctx, q, selectLots+"WHERE kind = $1 AND first <= $2 ORDER BY first DESC LIMIT 1", string(kind), serial)
	if err != nil || len(list) == 0 || list[0].Last < serial {
		return l, false, err
	}
	return list[0], true, nil
}

func lots(ctx context.Context, q querier, query string, args ...any) ([]Lot, error) {
	rows, err := q.Query(ctx, query, args...)
	var list []Lot
	if err == nil {
		list, err = pgx.CollectRows(rows, scanLot)
	}
	if err != nil {
		return nil, fmt.Errorf("read what is in stock: %w", err)
	}
	return list, nil
}

// keep writes lots in the place of others.
func keep(ctx context.Context, tx pgx.Tx, kind Kind, was, is []Lot) error {
	var gone, first, last []int64
	var products, stores, states []string
	for _, l := range was {
		gone = append(gone, l.First)
	}
	for _, l := range is {
		first, last = append(first, l.First), append(last, l.Last)
		products, stores, states = append(products, l.Product), append(stores, string(l.Store)), append(states, string(l.State))
	}
	if _, err := tx.Exec(ctx, "DELETE FROM stock WHERE kind = $1 AND first = ANY($2)", string(kind), gone); err != nil {
		return fmt.Errorf("keep what is in stock: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO stock (kind, first, last, product, store, state)
		SELECT $1::TEXT, first, last, product, store, state
		FROM unnest($2::INT8[], $3::INT8[], $4::TEXT[], $5::TEXT[], $6::TEXT[]) AS l (first, last, product, store, state)`,
		string(kind), first, last, products, stores, states); err != nil {
		return fmt.Errorf("keep what is in stock: %w", err)
	}
	return nil
}

// Lots reads the lots of a store, or with none of all stores, in order behind a serial.
func Lots(ctx context.Context, l *ledger.Ledger, kind Kind, store people.Unit, after int64, limit int) (list []Lot, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) error {
		if store == "" {
			list, err = lots(ctx, tx, selectLots+"WHERE kind = $1 AND first > $2 ORDER BY first LIMIT $3", string(kind), after, limit)
		} else {
			list, err = lots(ctx, tx, selectLots+"WHERE kind = $1 AND store = $2 AND first > $3 ORDER BY first LIMIT $4", string(kind), string(store), after, limit)
		}
		return err
	})
	return list, err
}
