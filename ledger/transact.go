package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/cockroachdb/cockroach-go/v2/crdb"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"citycard/language"
)

// The kinds of transaction. Posting is SERIALIZABLE. What moves a stream's row from outside its
// batches (a lease, the close of a day, settling an unknown commit) runs READ COMMITTED behind
// explicit row locks: under SERIALIZABLE, PostgreSQL takes the snapshot before it waits for the
// lock and then refuses the row because it has changed, for ever on a busy stream.
var (
	posting  = pgx.TxOptions{IsoLevel: pgx.Serializable}
	control  = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	readOnly = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
)

// again is an error after which the whole attempt is made again: nothing of it was committed, or it
// may be done twice. Its SQLSTATE is what crdb.ExecuteCtx looks for.
type again struct {
	cause string
	err   error
	now   bool // without a pause: the next attempt knows more
}

func (e *again) Error() string    { return e.err.Error() }
func (e *again) Unwrap() error    { return e.err }
func (e *again) SQLState() string { return "40001" }

const (
	// causeReadOnly marks an attempt at a server that accepts no writes.
	causeReadOnly = "read only"
	// causeNoAnswer marks one that ended because the server gave no answer in time.
	causeNoAnswer = "no answer"
)

// maxUnanswered is the number of attempts without an answer after which a transaction is given up.
// Each lasts the whole patience, and the second was made on a fresh connection.
const maxUnanswered = 2

// openCommit means that COMMIT was sent and its answer is not known.
type openCommit struct{ err error }

func (e *openCommit) Error() string { return fmt.Sprintf("%v: %v", ErrOutcomeUnknown, e.err) }
func (e *openCommit) Unwrap() error { return e.err }
func (e *openCommit) Is(target error) bool {
	return target == ErrOutcomeUnknown
}

// ErrInside means that a transaction was begun inside a batch's transaction. On another connection
// it would read rows that the batch has locked or written. On CockroachDB it would then wait for
// the batch while the batch waits for it, for ever. A batch reads what it needs beforehand, or in
// its own transaction.
var ErrInside = errors.New("a transaction inside the transaction of a batch")

type insideKey struct{}

// insideTx marks the context of what runs inside a batch's transaction.
func insideTx(ctx context.Context) context.Context { return context.WithValue(ctx, insideKey{}, true) }

func isInside(ctx context.Context) bool { return ctx.Value(insideKey{}) != nil }

// run makes attempts until one succeeds, fails for good or the retries are used up
// (ErrUnavailable). It is the only place that repeats a transaction. Here crdb.ExecuteCtx goes
// around the whole attempt, begin to commit; crdb.ExecuteTx would not do: it drops the error of
// COMMIT and retries inside the failed transaction, which is right on CockroachDB only.
func (l *Ledger) run(ctx context.Context, attempt func(ctx context.Context) error) error {
	if isInside(ctx) {
		return ErrInside
	}
	var last *again
	tries, unanswered := 0, 0
	err := crdb.ExecuteCtx(crdb.WithMaxRetries(ctx, l.retries), func(ctx context.Context, _ ...any) error {
		if last != nil {
			l.onRetry(last.cause)
			l.log.DebugContext(ctx, "transaction tried again", "cause", last.cause, "attempt", tries, "error", last.err)
			if err := l.pause(ctx, last, tries); err != nil {
				return err
			}
		}
		tries++
		err := attempt(ctx)
		last = nil
		if retry := asAgain(ctx, err); retry != nil {
			last = retry
			if retry.cause == causeNoAnswer {
				unanswered++
			}
			if unanswered == maxUnanswered {
				last = nil
				return language.Textf("%w (after %d attempts): %w", ErrUnavailable, tries, retry.err)
			}
			if retry.cause == causeReadOnly {
				// The server is a standby, or a primary that has become one; the next connections
				// may reach the new primary.
				l.pool.Reset()
			}
			return retry
		}
		return err
	})
	if last != nil && err != nil && ctx.Err() == nil {
		return language.Textf("%w (after %d attempts): %w", ErrUnavailable, tries, last.err)
	}
	return err
}

// Retry runs fn for callers that keep tables of their own beside the ledger's: again while its
// error is temporary, until the retries are used up (ErrUnavailable). fn must do no harm when it
// runs again after it has succeeded.
func (l *Ledger) Retry(ctx context.Context, fn func(ctx context.Context) error) error {
	return l.run(ctx, fn)
}

func (l *Ledger) pause(ctx context.Context, last *again, tries int) error {
	if last.now {
		return ctx.Err()
	}
	length := min(l.backoff<<min(tries-1, 16), l.maxBackoff)
	// Half of the pause is random, so that two transactions that collided do not collide again.
	timer := time.NewTimer(length/2 + rand.N(length/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// asAgain returns err as one to be retried, or nil when it is final. An unknown outcome is final
// too: its cause may look like a lost connection, but another attempt could do the work twice.
func asAgain(ctx context.Context, err error) *again {
	var retry *again
	var pg *pgconn.PgError
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, ErrOutcomeUnknown):
		return nil
	case errors.As(err, &retry):
		return retry
	case errors.As(err, &pg):
		switch {
		case pg.Code == "40001", pg.Code == "40P01", pg.Code == "CR000":
			return &again{cause: pg.Code, err: err}
		case connectionLost(pg.Code), strings.HasPrefix(pg.Code, "53"):
			return &again{cause: "connection", err: err}
		case pg.Code == "57014":
			// The caller's own context has not ended, so the server cancelled the statement: by a
			// statement's time-out, or for an administrator.
			return &again{cause: "cancelled", err: err}
		case pg.Code == "25006":
			return &again{cause: causeReadOnly, err: err}
		}
		return nil
	case timedOut(err):
		return &again{cause: causeNoAnswer, err: err}
	case isConnectionError(err):
		return &again{cause: "connection", err: err}
	}
	return nil
}

// connectionLost reports whether the server ended the connection: connection exceptions, operator
// intervention (shutdown, crash, start-up), idle-in-transaction time-out.
func connectionLost(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P0") || code == "25P03"
}

// timedOut reports whether a statement, or the making of a connection, ran out of time before its
// caller's deadline.
func timedOut(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

func isConnectionError(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return pgconn.SafeToRetry(err) || errors.As(err, &network) || errors.As(err, &connect) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// inTx runs fn in a transaction on a connection of its own. Its statements may take the given
// multiple of the patience.
func (l *Ledger) inTx(ctx context.Context, times int, options pgx.TxOptions, fn func(pgx.Tx) error) error {
	if isInside(ctx) {
		return ErrInside
	}
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	defer l.answers.allow(conn, times)()
	return l.inTxOn(ctx, conn, options, fn)
}

// inTxOn runs fn in a transaction on conn. It returns nil only when COMMIT was answered with
// success, and an *openCommit when it is not known what became of it and it could write.
func (l *Ledger) inTxOn(ctx context.Context, conn *pgxpool.Conn, options pgx.TxOptions, fn func(pgx.Tx) error) error {
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		return err
	}
	if err = fn(tx); err != nil || l.rehearses {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		// Its error adds nothing: a connection that cannot roll back is closed, and the server
		// rolls back.
		_ = tx.Rollback(undo)
		return err
	}
	err = tx.Commit(ctx)
	switch {
	case err == nil || !commitOpen(err):
		return err
	case options.AccessMode == pgx.ReadOnly: // whatever became of it, it may be read again
		if retry := asAgain(ctx, err); retry != nil {
			return retry
		}
		return &again{cause: "connection", err: err}
	}
	return &openCommit{err}
}

// commitOpen reports whether an error of COMMIT leaves open whether it happened. Only a plain ERROR
// from the server and a COMMIT answered with ROLLBACK are certain. pgconn.SafeToRetry is no help
// here: a connection that breaks while COMMIT is under way comes back from pgx v5.12 as "conn
// closed", which it calls safe to retry.
func commitOpen(err error) bool {
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return false
	case errors.As(err, &pg):
		return pg.Severity != "ERROR" || pg.Code == "40003" || connectionLost(pg.Code) || strings.HasPrefix(pg.Code, "XX") ||
			strings.HasPrefix(pg.Code, "58")
	}
	return true
}
