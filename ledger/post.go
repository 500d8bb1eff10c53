package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// buffers are kept between batches, so that posting does not make garbage by the megabyte.
type buffers struct {
	copies sync.Pool // *[]byte, the rows as COPY wants them
	rows   sync.Pool // *[]newRow
}

// outOfRange is the SQLSTATE of a number that does not fit its column.
const outOfRange = "22003"

// Post commits a batch: the stream's step, the rows that are new, the balances they change, and the
// batch's link in the stream's chain, all or nothing.
//
// A transfer that cannot be posted is refused in its decision and does not stop the rest; Post
// itself fails only for what concerns the batch: a *BatchError, a *StreamError (ErrFenced,
// ErrPosition, ErrDayMoved, ErrDaySealed, ErrNoStream), an error of Prepare or Finish,
// ErrUnavailable, or the context's error; in all of these nothing was committed. With
// ErrOutcomeUnknown it is not known.
func (l *Ledger) Post(ctx context.Context, b *Batch) (*Outcome, error) {
	if err := b.validate(); err != nil {
		return nil, err
	}
	p := &post{ledger: l, batch: b, known: make(map[Key]*Row), doubts: make(map[Key]struct{}), lookAll: b.Recent.looksFirst()}
	if err := l.run(ctx, p.attempt); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == outOfRange {
			err = &BatchError{Stream: b.Stream, What: language.Textf("an account's sums would no longer fit")}
		}
		return nil, fmt.Errorf("post to stream %q: %w", b.Stream, err)
	}
	for i := range p.out.Transfers {
		if p.out.Transfers[i].Result != Refused {
			b.Recent.add(b.Transfers[i].key())
		}
	}
	for i := range p.out.Memos {
		if p.out.Memos[i].Result != Refused {
			b.Recent.add(b.Memos[i].key())
		}
	}
	return p.out, nil
}

// post is one call of Post over all its attempts.
type post struct {
	ledger *Ledger
	batch  *Batch
	// known holds the rows that were looked up by key, nil where there was none. Rows are never
	// changed or deleted, so a row that was seen need not be looked up again, and a look-up before
	// the transaction is as good as one inside it. Only the primary key proves that a key is free,
	// when the row is inserted.
	known   map[Key]*Row
	lookAll bool // look all keys up, not only the suspected ones
	// doubts are keys the last attempt wanted to refuse without knowing whether they were posted
	// before.
	doubts  map[Key]struct{}
	missing []Key
	out     *Outcome
	// link is the link that the attempt was about to commit. If it is found later, that attempt was
	// committed.
	link chain.Link
}

// takenKey means that an inserted row's key is in the journal already.
type takenKey struct{ err error }

func (e *takenKey) Error() string { return e.err.Error() }

func (p *post) attempt(ctx context.Context) error {
	err := p.try(ctx)
	var open *openCommit
	if errors.As(err, &open) {
		return p.resolve(ctx, open)
	}
	var taken *takenKey
	if errors.As(err, &taken) {
		// An unexpected repeat: look all keys up, then leave out the rows that are in the journal
		// already.
		p.lookAll = true
		for k, row := range p.known {
			if row == nil {
				delete(p.known, k)
			}
		}
		p.batch.Recent.surprised()
		return &again{cause: "duplicate", err: err, now: true}
	}
	return err
}

func (p *post) try(ctx context.Context) error {
	conn, err := p.ledger.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if p.batch.Prepare == nil {
		p.findMissing()
	} else {
		p.wantStated()
	}
	if err = p.lookUp(ctx, conn); err != nil {
		return err
	}
	return p.ledger.inTxOn(ctx, conn, posting, func(tx pgx.Tx) error { return p.within(ctx, conn, tx) })
}

// within is the body of the transaction.
func (p *post) within(ctx context.Context, conn *pgxpool.Conn, tx pgx.Tx) error {
	b, l := p.batch, p.ledger
	if l.rehearses { // the caller's lease was rolled back
		if _, err := leaseIn(ctx, tx, b.Stream, "", b.Day); err != nil {
			return err
		}
	}
	link, previous, chart, err := advance(ctx, tx, b)
	if err != nil {
		return err
	}
	if chart > l.chart.known() {
		return p.refreshChart(ctx, tx)
	}
	if b.Prepare != nil {
		if err = b.Prepare(insideTx(ctx), tx); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		if err = b.validateSize(); err != nil {
			return err
		}
		if p.findMissing(); len(p.missing) > 0 {
			return &again{cause: "look-up", err: errors.New("keys to be looked up first"), now: true}
		}
	}
	limits, err := p.lockLimits(ctx, tx)
	if err != nil {
		return err
	}
	j := newJudge(p, limits)
	defer j.release()
	clear(p.doubts) // what was in doubt is known by now
	if j.decide(link.Sequence); len(p.doubts) > 0 {
		return &again{cause: "look-up", err: errors.New("chains to be looked up first"), now: true}
	}
	p.link = link
	j.number(&p.link)
	if err = l.copyRows(ctx, conn.Conn().PgConn(), j.rows); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "23505" {
			return &takenKey{err}
		}
		return err
	}
	j.out.Sequence, j.out.Rows, j.out.Alarms = link.Sequence, len(j.rows), limits.alarms()
	if b.Finish != nil {
		if p.link.Note, err = b.Finish(insideTx(ctx), tx, j.out); err != nil {
			return fmt.Errorf("finish: %w", err)
		}
	}
	p.link.Head = p.link.HeadAfter(previous)
	j.out.Head = p.link.Head
	p.out = j.out
	return writeBooks(ctx, tx, l.chart, b, &p.link, j.rows)
}

// refreshChart reads the accounts that changed and asks for another attempt.
func (p *post) refreshChart(ctx context.Context, tx pgx.Tx) error {
	var version int64
	if err := tx.QueryRow(ctx, "SELECT version FROM chart WHERE one = 1").Scan(&version); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, selectAccounts+"WHERE version > $1", p.ledger.chart.known())
	if err != nil {
		return err
	}
	accounts, err := collectAccounts(rows)
	if err != nil {
		return err
	}
	p.ledger.chart.merge(version, accounts)
	return &again{cause: "chart", err: errors.New("the chart of accounts changed"), now: true}
}

// resolve finds out what became of an attempt whose COMMIT was not answered. The lock on the
// stream's row is granted only after the lost transaction was committed or rolled back. Then the
// link shows which.
func (p *post) resolve(ctx context.Context, open *openCommit) error {
	l := p.ledger
	l.onRetry("unknown commit")
	landed := false
	// The caller's context may be what cut the commit short; the question must be answered all the
	// same.
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.answers.patience(settling))
	defer cancel()
	err := l.run(patient, func(ctx context.Context) error {
		landed = false
		err := l.inTx(ctx, prompt, control, func(tx pgx.Tx) error {
			var sequence int64
			err := tx.QueryRow(ctx, "SELECT sequence FROM streams WHERE stream = $1 FOR UPDATE", p.batch.Stream).Scan(&sequence)
			if err != nil || sequence < p.link.Sequence {
				return err
			}
			var head []byte
			err = tx.QueryRow(ctx, "SELECT head FROM batches WHERE stream = $1 AND sequence = $2", p.link.Stream, p.link.Sequence).Scan(&head)
			landed = string(head) == string(p.link.Head[:])
			return err
		})
		// This transaction wrote nothing, so the outcome of its commit does not matter.
		var lost *openCommit
		if errors.As(err, &lost) {
			return &again{cause: "connection", err: lost.err}
		}
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w; then: %w", ErrOutcomeUnknown, open.err, err)
	case landed:
		l.log.InfoContext(ctx, "lost commit had landed", "stream", p.batch.Stream, "sequence", p.link.Sequence)
		return nil
	}
	l.log.InfoContext(ctx, "lost commit had not landed", "stream", p.batch.Stream, "sequence", p.link.Sequence)
	return &again{cause: "not landed", err: open.err}
}
