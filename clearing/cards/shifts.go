package cards

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// Shift is a shift at a counter.
type Shift struct {
	Number         int64
	Unit           people.Unit
	Counter        string
	Terminals      string    // 12 digits each, with spaces between them
	Opened, Closed time.Time // Closed is zero of an open one
	OpenedBy       string
	ClosedBy       string
	Start          ledger.Fen // cash at the beginning
	Due            ledger.Fen // what the shift before has left
	Steps          ledger.Fen // what acts on cards brought, less what they gave
	Loaded         ledger.Fen // what loads at its terminals brought, by the books
	Claimed        ledger.Fen // what they brought by the counter's word
	Handed         ledger.Fen // what was handed over before its close
	Later          ledger.Fen // what was handed over after it
	Counted        ledger.Fen
	Missing        ledger.Fen // what taps took from purses in it, by the counter's word, and is not booked; in lists alone
	Repeated       bool
}

// Expected is the cash that there should be.
func (s *Shift) Expected() ledger.Fen { return s.Start + s.Steps + s.Loaded - s.Handed }

// Difference is what is over, below zero short, in a closed shift.
func (s *Shift) Difference() ledger.Fen {
	if s.Closed.IsZero() {
		return 0
	}
	return s.Counted - s.Expected()
}

// Left is the cash that is in the drawer.
func (s *Shift) Left() ledger.Fen {
	if s.Closed.IsZero() {
		return s.Expected()
	}
	return s.Counted - s.Later
}

// TwoError refuses what takes two people, and names the kind of proposal by which they do it.
type TwoError struct {
	Kind string
	What *language.Text
}

func (e *TwoError) Error() string { return e.What.Error() }

// Unwrap gives what it is.
func (e *TwoError) Unwrap() error { return e.What }

const selectShift = `SELECT number, unit, counter, terminals, opened, opened_by, closed, closed_by, start_fen, due_fen, steps_fen, loaded_fen, claimed_fen,
	handed_fen, later_fen, counted_fen FROM shifts `

func scanShift(row pgx.Row) (s Shift, err error) {
	var opened, closed int64
	err = row.Scan(&s.Number, &s.Unit, &s.Counter, &s.Terminals, &opened, &s.OpenedBy, &closed, &s.ClosedBy, &s.Start, &s.Due, &s.Steps, &s.Loaded, &s.Claimed,
		&s.Handed, &s.Later, &s.Counted)
	s.Opened = time.Unix(opened, 0)
	if closed != 0 {
		s.Closed = time.Unix(closed, 0)
	}
	return s, err
}

// lastShift is the newest shift at a counter; its number is 0 where there is none.
func lastShift(ctx context.Context, q querier, unit people.Unit, counter, lock string) (Shift, error) {
	s, err := scanShift(q.QueryRow(ctx, selectShift+"WHERE unit = $1 AND counter = $2 ORDER BY number DESC LIMIT 1"+lock, string(unit), counter))
	if errors.Is(err, pgx.ErrNoRows) {
		return Shift{}, nil
	}
	if err != nil {
		return s, fmt.Errorf("read the last shift: %w", err)
	}
	return s, nil
}

// addLoads adds up what loads have brought in an open shift so far. The row of a closed one has it.
func (s *Shift) addLoads(ctx context.Context, q querier) error {
	if !s.Closed.IsZero() {
		return nil
	}
	if err := q.QueryRow(ctx, "SELECT coalesce(sum(fen), 0)::INT8 FROM terminal_loads WHERE shift = $1 AND shift <> 0", s.Number).Scan(&s.Loaded); err != nil {
		return fmt.Errorf("read what loads brought: %w", err)
	}
	return nil
}

// sit has loads at the terminals of a shift that opens be its cash.
func (s *Shift) sit(ctx context.Context, tx pgx.Tx) error {
	at, err := terminals(s.Terminals)
	if err == nil {
		_, err = tx.Exec(ctx, "INSERT INTO shift_terminals (terminal, unit, shift) SELECT t, $2, $3 FROM unnest($1::BYTEA[]) AS t", at, string(s.Unit), s.Number)
	}
	if err != nil {
		return fmt.Errorf("take the terminals of a shift: %w", err)
	}
	return nil
}

// rise ends that.
func (s *Shift) rise(ctx context.Context, tx pgx.Tx) error {
	at, err := terminals(s.Terminals)
	if err == nil {
		_, err = tx.Exec(ctx, "DELETE FROM shift_terminals WHERE terminal = ANY($1) AND shift = $2", at, s.Number)
	}
	if err != nil {
		return fmt.Errorf("leave the terminals of a shift: %w", err)
	}
	return nil
}

// ShiftsAsked says which shifts are listed.
type ShiftsAsked struct {
	Unit    people.Unit // empty: of all
	Counter string      // empty: at all
	Missing bool        // only those of which a tap is missing
	Before  int64       // only those with lower numbers; 0: all
	Limit   int
}

// Shifts lists shifts, the newest first. Of an open one the loads are those so far.
func (o *Office) Shifts(ctx context.Context, asked ShiftsAsked) (list []Shift, err error) {
	var where []string
	args := []any{asked.Limit}
	add := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if asked.Unit != "" {
		add("unit = $%d", string(asked.Unit))
	}
	if asked.Counter != "" {
		add("counter = $%d", asked.Counter)
	}
	if asked.Missing {
		where = append(where, "number IN (SELECT shift FROM emptied_purses WHERE booked = 0)")
	}
	if asked.Before != 0 {
		add("number < $%d", asked.Before)
	}
	query := selectShift
	if len(where) > 0 {
		query += "WHERE " + strings.Join(where, " AND ")
	}
	err = o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query+" ORDER BY number DESC LIMIT $1", args...)
		if err == nil {
			list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Shift, error) { return scanShift(row) })
		}
		if err != nil {
			return err
		}
		for i := range list {
			if err := list[i].addLoads(ctx, tx); err != nil {
				return err
			}
		}
		return missing(ctx, tx, list)
	})
	if err != nil {
		return nil, fmt.Errorf("list shifts: %w", err)
	}
	return list, nil
}
