package unconfirmed

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// Decision is what two people have decided about a tap without a TAC.
type Decision string

// The decisions; the table has them.
const (
	Undecided     Decision = ""
	CodeLost      Decision = "lost"        // debited, and no TAC will prove it
	WasNotDebited Decision = "not_debited" // the card was not debited
)

// Kept is a tap without a TAC, as it is kept.
type Kept struct {
	Tap     ledger.Key // under which the tap itself may come
	Booked  ledger.Day // the clearing day on which it was kept
	Decided Decision
	Record  *message.Tap
	// Confirmed is the clearing day on which the tap itself was booked; 0 where it did not come.
	Confirmed ledger.Day

	Operator string // that has the terminal by the registry; empty: none
	Claimed         // of one that is open
}

// Open reports whether nothing is known of it yet.
func (k *Kept) Open() bool { return k.Decided == Undecided && k.Confirmed == 0 }

// Card is the tap's card.
func (k *Kept) Card() identity.Card {
	card, _ := identity.ParseCard([]byte(k.Tap.Subject))
	return card
}

// Fen is what the tap says that the card paid.
func (k *Kept) Fen() ledger.Fen { return fenOf(k.Record) }

// Filter selects what is listed.
type Filter struct {
	First, Last ledger.Day // clearing days on which it was kept
	Operator    string     // empty: all
	All         bool       // what is not open, too
}

// page is how many are read at a time.
const page = 500

// List calls fn for each, by the clearing day on which it was kept. It takes constant memory.
func List(ctx context.Context, l *ledger.Ledger, f Filter, fn func(*Kept) error) error {
	edition, err := places(ctx, l)
	if err != nil {
		return err
	}
	for after := (Kept{Booked: f.First}); ; {
		rows, err := pageAfter(ctx, l, &after, f.Last)
		if err != nil || len(rows) == 0 {
			return err
		}
		after = rows[len(rows)-1]
		if err := fill(ctx, l, rows); err != nil {
			return err
		}
		for i := range rows {
			k := &rows[i]
			terminal, _ := terminalOf(edition, k.Tap)
			if k.Operator = terminal.Operator; f.Operator != "" && k.Operator != f.Operator || !f.All && !k.Open() {
				continue
			}
			if k.Open() {
				others, err := readings(ctx, l, k.Tap)
				if err != nil {
					return err
				}
				k.Claimed = Claims(k.Record, others)
			}
			if err := fn(k); err != nil {
				return err
			}
		}
	}
}

// places reads the registry's rows of terminals and their SAMs, as the newest version has them.
func places(ctx context.Context, l *ledger.Ledger) (*index.Edition, error) {
	edition, err := registry.NewStore(l.Pool()).Load(ctx, registry.Terminals, registry.SAMs)
	if errors.Is(err, registry.ErrEmpty) {
		return &index.Edition{}, nil
	}
	return edition, err
}

// pageAfter reads rows of the table, in the order of its index.
func pageAfter(ctx context.Context, l *ledger.Ledger, after *Kept, last ledger.Day) (list []Kept, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) error {
		list = list[:0]
		rows, err := tx.Query(ctx, `SELECT booked, card, day, id, decided FROM unconfirmed_taps
			WHERE (booked, card, day, id) > ($1, $2, $3, $4) AND booked <= $5 ORDER BY booked, card, day, id LIMIT $6`,
			after.Booked, []byte(after.Tap.Subject), after.Tap.Day, []byte(after.Tap.ID), last, page)
		if err != nil {
			return err
		}
		var k Kept
		var card, id []byte
		_, err = pgx.ForEachRow(rows, []any{&k.Booked, &card, &k.Tap.Day, &id, &k.Decided}, func() error {
			k.Tap.Subject, k.Tap.ID = ledger.Subject(card), ledger.ID(id)
			list = append(list, k)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list taps without a TAC: %w", err)
	}
	return list, nil
}

// fill reads the records out of the journal, and whether their taps have come.
func fill(ctx context.Context, l *ledger.Ledger, list []Kept) error {
	keys := make([]ledger.Key, 0, 2*len(list))
	for i := range list {
		keys = append(keys, memoKey(list[i].Tap), list[i].Tap)
	}
	rows, err := l.FindAll(ctx, keys)
	if err != nil {
		return err
	}
	for i := range list {
		k, memo, tap := &list[i], rows[2*i], rows[2*i+1]
		if memo == nil {
			return fmt.Errorf("the journal has no record of a tap without a TAC of day %s; citycard verify names it", k.Tap.Day)
		}
		if k.Record, err = message.CheckUnconfirmed(memo.Evidence); err != nil {
			return fmt.Errorf("the record of a tap without a TAC of day %s: %w", k.Tap.Day, err)
		}
		if tap != nil {
			k.Confirmed = tap.BookingDay
		}
	}
	return nil
}

// find reads one, with what claims say of it; it is nil where there is none.
func find(ctx context.Context, l *ledger.Ledger, tap ledger.Key) (*Kept, error) {
	k := Kept{Tap: tap}
	err := l.Look(ctx, func(tx pgx.Tx) error { return k.read(ctx, tx, "") })
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find a tap without a TAC: %w", err)
	}
	one := []Kept{k}
	if err := fill(ctx, l, one); err != nil {
		return nil, err
	}
	others, err := readings(ctx, l, tap)
	if err != nil {
		return nil, err
	}
	one[0].Claimed = Claims(one[0].Record, others)
	return &one[0], nil
}

const locking = " FOR UPDATE"

// read reads the row of the table; how is empty, or locks the row.
func (k *Kept) read(ctx context.Context, tx pgx.Tx, how string) error {
	return tx.QueryRow(ctx, "SELECT booked, decided FROM unconfirmed_taps WHERE card = $1 AND day = $2 AND id = $3"+how,
		[]byte(k.Tap.Subject), k.Tap.Day, []byte(k.Tap.ID)).Scan(&k.Booked, &k.Decided)
}
