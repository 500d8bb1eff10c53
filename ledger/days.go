package ledger

import (
	"context"
	"errors"
	"fmt"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// DayStatus is one booking day.
type DayStatus struct {
	Day   Day
	State DayState
	Next  Day // the day its streams moved to; zero until it is closed first
}

// OpenDay opens the first booking day; each later one is opened by the close of the one before. It
// does nothing when the day is known already.
func (l *Ledger) OpenDay(ctx context.Context, day Day) error {
	if !day.Valid() {
		return &BatchError{What: language.Textf("day %d is no calendar day", day)}
	}
	return l.Change(ctx, fmt.Sprintf("open day %v", day), func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, "INSERT INTO days (day, state) VALUES ($1, 'open') ON CONFLICT (day) DO NOTHING", day)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return appendOwn(ctx, tx, chain.ActOpenDay, chain.DayMoved{Day: day}, nil)
	})
}

// Days lists all booking days, oldest first.
func (l *Ledger) Days(ctx context.Context) ([]DayStatus, error) {
	var days []DayStatus
	err := l.run(ctx, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, "SELECT day, state, coalesce(next_day, 0) FROM days ORDER BY day")
		if err != nil {
			return err
		}
		days, err = pgx.CollectRows(rows, pgx.RowToStructByPos[DayStatus])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	return days, nil
}

// CurrentDay returns the latest open day; ErrDay when there is none.
func (l *Ledger) CurrentDay(ctx context.Context) (Day, error) {
	var day Day
	err := l.run(ctx, func(ctx context.Context) error {
		return l.pool.QueryRow(ctx, "SELECT day FROM days WHERE state = 'open' ORDER BY day DESC LIMIT 1").Scan(&day)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = language.Textf("%w: none is open", ErrDay)
	}
	if err != nil {
		return 0, fmt.Errorf("current day: %w", err)
	}
	return day, nil
}

// CloseDay begins to close an open day: next is opened, and every stream of the day moves there,
// except those named in stay. A batch in flight either commits before its stream moves, and is in
// the day, or fails with ErrDayMoved. Closing again with the same next changes nothing; with
// another next the error is ErrDay. When a reopened day is closed again and next has ended
// meanwhile, its streams move to the day that is open then.
func (l *Ledger) CloseDay(ctx context.Context, day, next Day, stay ...string) error {
	if !next.Valid() || next <= day {
		return &BatchError{What: language.Textf("day %v cannot be followed by %v", day, next)}
	}
	if stay == nil {
		stay = []string{}
	}
	return l.Change(ctx, fmt.Sprintf("close day %v", day), func(tx pgx.Tx) error {
		status, err := LockDay(ctx, tx, day)
		if err != nil {
			return err
		}
		switch {
		case status.Next != 0 && status.Next != next:
			return language.Textf("%w: it is %s and was followed by %v", ErrDay, status.State, status.Next)
		case status.State != DayOpen && status.Next == next:
			return nil
		case status.State != DayOpen:
			return language.Textf("%w: it is %s", ErrDay, status.State)
		}
		if _, err = tx.Exec(ctx, "INSERT INTO days (day, state) VALUES ($1, 'open') ON CONFLICT (day) DO NOTHING", next); err != nil {
			return err
		}
		following, err := lockOpen(ctx, tx, next)
		if err != nil {
			return err
		}
		if following != next && status.Next == 0 {
			return language.Textf("%w: the day after, %v, has ended", ErrDay, next)
		}
		if _, err = tx.Exec(ctx, "UPDATE days SET state = 'closing', next_day = $2 WHERE day = $1", day, next); err != nil {
			return err
		}
		moved, err := moveStreams(ctx, tx, day, following, stay)
		if err != nil {
			return err
		}
		return appendOwn(ctx, tx, chain.ActCloseDay, chain.DayMoved{Day: day, Next: next, Streams: moved}, nil)
	})
}

// lockOpen locks the day next and returns it. Where next has ended too, which is possible after a
// day was reopened, it returns the latest open day.
func lockOpen(ctx context.Context, tx pgx.Tx, next Day) (Day, error) {
	status, err := LockDay(ctx, tx, next)
	if err == nil && status.State != DayOpen {
		err = tx.QueryRow(ctx, "SELECT day FROM days WHERE state = 'open' ORDER BY day DESC LIMIT 1").Scan(&status.Day)
	}
	return status.Day, err
}

// EndDay ends the close: the streams that stayed move on too, and the day is closed. Ending it
// again changes nothing.
func (l *Ledger) EndDay(ctx context.Context, day Day) error {
	return l.Change(ctx, fmt.Sprintf("end day %v", day), func(tx pgx.Tx) error {
		status, err := LockDay(ctx, tx, day)
		switch {
		case err != nil:
			return err
		case status.State == DayClosed || status.State == DaySealed:
			return nil
		case status.State != DayClosing:
			return language.Textf("%w: it is %s, expected closing", ErrDay, status.State)
		}
		next, err := lockOpen(ctx, tx, status.Next)
		if err != nil {
			return err
		}
		moved, err := moveStreams(ctx, tx, day, next, []string{})
		if err != nil {
			return err
		}
		if _, err = tx.Exec(ctx, "UPDATE days SET state = 'closed' WHERE day = $1", day); err != nil {
			return err
		}
		return appendOwn(ctx, tx, chain.ActEndDay, chain.DayMoved{Day: day, Streams: moved}, nil)
	})
}

// moveStreams moves the day's streams, notes the position of each and returns their number. On each
// stream the update waits for a batch in flight and then reads the row as that batch left it. That
// needs READ COMMITTED.
func moveStreams(ctx context.Context, tx pgx.Tx, day, next Day, stay []string) (int, error) {
	rows, err := tx.Query(ctx, "UPDATE streams SET day = $2 WHERE day = $1 AND NOT (stream = ANY($3)) RETURNING stream, sequence, head, NULL::BYTEA",
		day, next, stay)
	if err != nil {
		return 0, err
	}
	heads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[streamHead])
	if err != nil {
		return 0, err
	}
	batch := &pgx.Batch{}
	for _, h := range heads {
		batch.Queue("INSERT INTO day_heads (day, stream, sequence, head) VALUES ($1, $2, $3, $4)", day, h.Stream, h.Sequence, h.Head)
	}
	return len(heads), tx.SendBatch(ctx, batch).Close()
}

// streamHead is where a stream stood when it left a day. Batches is the root over the heads of what
// it booked in the day.
type streamHead struct {
	Stream   string
	Sequence int64
	Head     []byte
	Batches  []byte
}

// LockDay reads the state of a day and locks it: until the transaction ends nobody closes,
// reopens or seals the day. The error is ErrDay where the day was never opened.
func LockDay(ctx context.Context, tx pgx.Tx, day Day) (DayStatus, error) {
	status := DayStatus{Day: day}
	err := tx.QueryRow(ctx, "SELECT state, coalesce(next_day, 0) FROM days WHERE day = $1 FOR UPDATE", day).Scan(&status.State, &status.Next)
	if errors.Is(err, pgx.ErrNoRows) {
		err = language.Textf("%w: it was never opened", ErrDay)
	}
	return status, err
}
