package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/clearing/rules"
	"citycard/ledger"
)

// fault says how to go on after an error of a batch. Nothing was committed.
type fault uint8

const (
	// passing: database, broker or key store are away, or the database is broken, full, or
	// lacks a table or a right. No record can cause it, so the batch waits for as long as it
	// lasts, and readiness fails.
	passing fault = iota
	// doubtful: an account refuses a posting that must be booked, or the error is unknown and not
	// the database's. It may pass by itself; the batch waits while the partition has patience.
	doubtful
	// own: a record causes it. Waiting does not help; the batch is cut until the record is alone.
	own
	// lost: the stream belongs to another process now, or must not be consumed.
	lost
)

// judgingError is an error of the rules themselves, a panic in them included.
type judgingError struct{ err error }

func (e *judgingError) Error() string { return e.err.Error() }
func (e *judgingError) Unwrap() error { return e.err }

// faultOf tells the faults apart.
func faultOf(err error) fault {
	var gap *gapError
	var pg *pgconn.PgError
	var refused *docket.RefusedError
	var batch *ledger.BatchError
	var judging *judgingError
	switch {
	case errors.Is(err, ledger.ErrFenced), errors.Is(err, ledger.ErrPosition), errors.Is(err, ledger.ErrNoStream), errors.As(err, &gap):
		return lost
	case errors.Is(err, ledger.ErrUnavailable), errors.Is(err, ledger.ErrOutcomeUnknown), errors.Is(err, errBroker),
		errors.Is(err, docket.ErrMoved), errors.Is(err, keys.ErrOutdated), errors.Is(err, rules.ErrOutdated), errors.Is(err, errOutdated),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return passing
	case errors.As(err, &refused):
		return doubtful
	case errors.As(err, &pg):
		return databaseFault(pg.Code)
	case connectionFailed(err):
		return passing
	case errors.As(err, &batch), errors.As(err, &judging), errors.Is(err, docket.ErrApart):
		return own
	}
	return doubtful
}

// databaseFault sorts SQLSTATEs by their classes. A record can cause only those about values and
// their sizes. All others, unknown ones included, say something of the database: a broken page, a
// full disk, a server that shuts down. The records are good, and a partition that kept each of them
// alone would make two people book all its traffic.
func databaseFault(code string) fault {
	if len(code) < 2 {
		return passing
	}
	switch code[:2] {
	case "21", "22", "23", "44", "54": // cardinality, data, constraints, check option, program limits
		return own
	}
	return passing
}

// connectionFailed reports a connection that could not be made or broke.
func connectionFailed(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// patience is how long a partition may still wait for faults that may pass by themselves. Waiting
// uses it up, and it comes back ten times slower. Once it has run out, there is none until a tenth
// of it is back. So there is time to open the accounts of a new registry. But however many records
// need an account that does not open, they stop the partition for at most a tenth of its time.
type patience struct {
	most, left time.Duration
	at         time.Time
	out        bool // it has run out
}

const patienceReturns = 10 // times slower than it is spent

// now returns the patience that is left at a moment.
func (w *patience) now(at time.Time) time.Duration {
	switch {
	case w.at.IsZero():
		w.left = w.most
	case at.After(w.at):
		w.left = min(w.most, w.left+at.Sub(w.at)/patienceReturns)
	}
	w.at = at
	if w.out = w.left <= 0 || w.out && w.left < w.most/patienceReturns; w.out {
		return 0
	}
	return w.left
}

// spend uses up the time waited until a moment.
func (w *patience) spend(at time.Time) {
	w.left -= max(0, at.Sub(w.at))
	w.at, w.out = at, w.out || w.left <= 0
}

// caught calls fn. It marks errors of the rules as such, and turns a panic into an error: a record
// that makes the rules panic must not end the process.
func caught(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &judgingError{fmt.Errorf("panic: %v", p)}
		}
	}()
	if err = fn(); err == nil {
		return nil
	}
	return &judgingError{err}
}
