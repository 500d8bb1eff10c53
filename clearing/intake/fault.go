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
	"citycard/ledger"
)

// fault is what an error of a batch says about going on. Nothing was committed.
type fault uint8

const (
	// passing: database, broker or key store are away, or the database is broken, full, or
	// lacks a table or a right. No record can cause it, so the batch waits for as long as it
	// lasts, and readiness fails.
	passing fault = iota
	// doubtful: an account refuses what must be booked, or an error that nobody knows and
	// that is not the database's. It may pass by itself; while the partition has patience
	// the batch waits.
	doubtful
	// own: a record's own. Waiting changes nothing: the batch is cut until the record is alone.
	own
	// lost: the stream is not this process's to consume, or must not be consumed.
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
	case errors.Is(err, ledger.ErrUnavailable), errors.Is(err, errBroker), errors.Is(err, docket.ErrMoved), errors.Is(err, keys.ErrOutdated),
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

// databaseFault sorts SQLSTATEs by their classes. A record can cause those alone that speak of
// values and their sizes. All others, unknown ones included, say something of the database: a
// broken page, a full disk, a server that shuts down. Records that met it are good, and a
// partition that kept each of them alone would have two people book all its traffic.
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

// patience is for how long a partition may still wait for what may pass by itself. It is
// spent by waiting and comes back ten times slower; once it has run out there is none until
// a tenth of it is back. So the accounts that a new registry brings have time to be opened,
// and however many records meet an account that does not, they hold the partition for a
// tenth of its time at most.
type patience struct {
	most, left time.Duration
	at         time.Time
	out        bool // it has run out
}

const patienceReturns = 10 // times slower than it is spent

// now says what is left at a moment.
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

// spend takes what was waited up to a moment.
func (w *patience) spend(at time.Time) {
	w.left -= max(0, at.Sub(w.at))
	w.at, w.out = at, w.out || w.left <= 0
}

// caught calls fn and makes errors of the rules known as theirs, and a panic an error: a
// record that the rules cannot bear must not end the process.
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
