package ledger

import (
	"context"
	"errors"
	"fmt"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// Lease is a stream as its owner found it.
type Lease struct {
	Stream   string
	Epoch    int64 // the lease's number; batches of an older one are refused with ErrFenced
	Next     int64 // the position the next batch must start from
	Sequence int64 // batches so far
	Day      Day   // the booking day of the next batch
}

// Lease makes owner the stream's only owner: its epoch rises, and batches under an older epoch are
// refused from now on. A stream that does not exist is created at position 0 in the given day,
// which must be open or closing; day 0 means the latest open day (ErrDay when there is none). For
// an existing stream, day is ignored. After a lost connection a caller may lease again. A batch of
// the former owner that is under way is allowed to end first, unless that owner has stopped in the
// middle of it. On CockroachDB such a batch is aborted.
func (l *Ledger) Lease(ctx context.Context, stream, owner string, day Day) (Lease, error) {
	if !text(stream, 1, MaxKey) || !text(owner, 0, 128) {
		return Lease{}, &BatchError{Stream: stream, What: language.Textf("its name must be 1 to 64, its owner's at most 128 bytes of UTF-8")}
	}
	var lease Lease
	err := l.run(ctx, func(ctx context.Context) error {
		err := l.inTx(ctx, prompt, control, func(tx pgx.Tx) (err error) {
			if !l.rehearses { // which takes nothing away from the owner
				defer l.evictIdle(ctx, tx)()
				if pass := l.dialect.PassStatement(); pass != "" {
					if _, err := tx.Exec(ctx, pass); err != nil {
						return err
					}
				}
			}
			lease, err = leaseIn(ctx, tx, stream, owner, day)
			return err
		})
		// To lease once more than needed does no harm, so an unknown outcome is a failure like any
		// other.
		var open *openCommit
		if errors.As(err, &open) {
			return &again{cause: "unknown commit", err: open.err}
		}
		return err
	})
	if err != nil {
		return Lease{}, fmt.Errorf("lease stream %q: %w", stream, err)
	}
	return lease, nil
}

func leaseIn(ctx context.Context, tx pgx.Tx, stream, owner string, day Day) (Lease, error) {
	lease := Lease{Stream: stream}
	scan := func() error {
		return tx.QueryRow(ctx, "UPDATE streams SET epoch = epoch + 1, owner = $2 WHERE stream = $1 RETURNING epoch, next, sequence, day",
			stream, owner).Scan(&lease.Epoch, &lease.Next, &lease.Sequence, &lease.Day)
	}
	// The hash over both shows whether one of them was changed by accident. Nothing depends on it.
	sign := func(err error) error {
		if err == nil {
			hash := chain.LeaseHash(stream, lease.Epoch, owner)
			_, err = tx.Exec(ctx, "UPDATE streams SET claim = $2 WHERE stream = $1", stream, hash[:])
		}
		return err
	}
	err := scan()
	if !errors.Is(err, pgx.ErrNoRows) {
		return lease, sign(err)
	}
	// The day's row is locked, so that the day cannot close around the new stream.
	query, args := "SELECT day FROM days WHERE state = 'open' ORDER BY day DESC LIMIT 1 FOR UPDATE", []any{}
	if day != 0 {
		query, args = "SELECT day FROM days WHERE day = $1 AND state IN ('open', 'closing') FOR UPDATE", []any{day}
	}
	err = tx.QueryRow(ctx, query, args...).Scan(&day)
	if errors.Is(err, pgx.ErrNoRows) {
		// The statement waited for a close of the only day that it saw as open. The next statement
		// sees the day that follows.
		err = tx.QueryRow(ctx, query, args...).Scan(&day)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return lease, language.Textf("%w: no such day is open for a new stream", ErrDay)
	}
	if err != nil {
		return lease, err
	}
	if _, err = tx.Exec(ctx, `INSERT INTO streams (stream, number, epoch, owner, claim, next, sequence, day, head)
		VALUES ($1, $2, 0, $3, $5, 0, 0, $4, $5) ON CONFLICT (stream) DO NOTHING`, stream, IDOfStream(stream), owner, day, make([]byte, 32)); err != nil {
		return lease, err
	}
	return lease, sign(scan())
}

// Stream returns the stream as it stands, without leasing it; ErrNoStream when it was never leased.
// On CockroachDB it waits for a batch under way, however long that takes.
func (l *Ledger) Stream(ctx context.Context, stream string) (Lease, error) {
	lease := Lease{Stream: stream}
	err := l.Look(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT epoch, next, sequence, day FROM streams WHERE stream = $1", stream).
			Scan(&lease.Epoch, &lease.Next, &lease.Sequence, &lease.Day)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNoStream
	}
	if err != nil {
		return lease, fmt.Errorf("read stream %q: %w", stream, err)
	}
	return lease, nil
}

// NextIn returns the position of a stream as a transaction sees it; 0 when it was never leased.
func NextIn(ctx context.Context, tx pgx.Tx, stream string) (next int64, err error) {
	err = tx.QueryRow(ctx, "SELECT next FROM streams WHERE stream = $1", stream).Scan(&next)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return next, err
}

// Answers reports whether the database answers a read of a stream's state now. It tries once.
func (l *Ledger) Answers(ctx context.Context, stream string) bool {
	var next int64
	return l.pool.QueryRow(ctx, "SELECT next FROM streams WHERE stream = $1", stream).Scan(&next) == nil
}

// StreamNames names every stream that was ever leased, by its number.
func (l *Ledger) StreamNames(ctx context.Context) (names map[StreamID]string, err error) {
	err = l.run(ctx, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, "SELECT stream, number FROM streams")
		if err != nil {
			return err
		}
		names = map[StreamID]string{}
		var name string
		var number StreamID
		_, err = pgx.ForEachRow(rows, []any{&name, &number}, func() error {
			names[number] = name
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the streams: %w", err)
	}
	return names, nil
}

// advance is the compare-and-swap: the first statement of every batch. It returns the batch's link
// as far as it is known by then, the chain's head before it, and the chart's version.
func advance(ctx context.Context, tx pgx.Tx, b *Batch) (link chain.Link, head chain.Hash, chart int64, err error) {
	link = chain.Link{Stream: IDOfStream(b.Stream), From: b.From, Next: b.Next, Day: b.Day, Shard: int32(b.Shard), Epoch: b.Epoch}
	var previous []byte
	both := &pgx.Batch{}
	both.Queue(`UPDATE streams SET next = $4, sequence = sequence + 1 WHERE stream = $1 AND epoch = $2 AND next = $3 AND day = $5
		RETURNING sequence, head, now()`, b.Stream, b.Epoch, b.From, b.Next, b.Day).QueryRow(func(row pgx.Row) error {
		return row.Scan(&link.Sequence, &previous, &link.At)
	})
	both.Queue("SELECT version FROM chart WHERE one = 1").QueryRow(func(row pgx.Row) error { return row.Scan(&chart) })
	err = tx.SendBatch(ctx, both).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return link, head, 0, whyNot(ctx, tx, b)
	}
	if err != nil {
		return link, head, 0, err
	}
	if copy(head[:], previous) != len(head) || len(previous) != len(head) {
		return link, head, 0, fmt.Errorf("stream %q: its chain's head has %d bytes, expected %d", b.Stream, len(previous), len(head))
	}
	return link, head, chart, nil
}

// whyNot explains why a compare-and-swap found no row.
func whyNot(ctx context.Context, tx pgx.Tx, b *Batch) error {
	e := &StreamError{Current: Lease{Stream: b.Stream}, Epoch: b.Epoch, From: b.From, Day: b.Day}
	err := tx.QueryRow(ctx, "SELECT epoch, next, sequence, day FROM streams WHERE stream = $1", b.Stream).
		Scan(&e.Current.Epoch, &e.Current.Next, &e.Current.Sequence, &e.Current.Day)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		e.Err = ErrNoStream
		return e
	case err != nil:
		return err
	case e.Current.Epoch != b.Epoch:
		e.Err = ErrFenced
		return e
	case e.Current.Next != b.From:
		e.Err = ErrPosition
		return e
	}
	e.Err = ErrDayMoved
	var state DayState
	err = tx.QueryRow(ctx, "SELECT state FROM days WHERE day = $1", b.Day).Scan(&state)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if state == DaySealed {
		e.Err = ErrDaySealed
	}
	return e
}
