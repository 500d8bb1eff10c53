package ledger

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// answers bounds how long each statement of a pool waits for its answer. It is installed as pgx's
// tracer, and so covers every statement on the pool, COMMIT too. A statement that is not answered
// in time ends with context.DeadlineExceeded, and its connection is closed. The idle connections
// are closed as well, so that the next statements do not wait on each of them in vain.
//
// The bound is the client's alone. PostgreSQL's statement_timeout would end a COMMIT that waits for
// a standby, and report it as done.
type answers struct {
	limit time.Duration
	pool  atomic.Pointer[pgxpool.Pool] // nil until it is made
}

// errNoAnswer is the cause that ends a statement's context.
var errNoAnswer = errors.New("the database does not answer")

// allowance is the key under which a connection keeps another limit for a while; 0 means no limit.
const allowance = "citycard allowance"

// The limit of a transaction's statements, in multiples of the limit of one.
const (
	unlimited  = 0  // reads that may be long, ended by the kernel when the host is gone
	prompt     = 1  // what somebody waits for
	unhurried  = 60 // the steps of a day's end
	settling   = 3  // all of the search for an unknown outcome
	committing = 4  // all of a shared commit
)

type endKey struct{}

func (a *answers) begin(ctx context.Context, conn *pgconn.PgConn) context.Context {
	limit := a.limit
	if own, ok := conn.CustomData()[allowance].(time.Duration); ok {
		limit = own
	}
	if limit == 0 {
		return ctx
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errNoAnswer)
	return context.WithValue(ctx, endKey{}, cancel)
}

func (a *answers) end(ctx context.Context, err error) {
	cancel, ok := ctx.Value(endKey{}).(context.CancelFunc)
	if !ok {
		return
	}
	if pool := a.pool.Load(); err != nil && pool != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		pool.Reset()
	}
	cancel()
}

// TraceQueryStart bounds a statement.
func (a *answers) TraceQueryStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return a.begin(ctx, conn.PgConn())
}

// TraceQueryEnd ends it.
func (a *answers) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryEndData) {
	a.end(ctx, data.Err)
}

// TraceBatchStart bounds statements that are sent together.
func (a *answers) TraceBatchStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return a.begin(ctx, conn.PgConn())
}

// TraceBatchQuery does nothing.
func (a *answers) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd ends them.
func (a *answers) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchEndData) {
	a.end(ctx, data.Err)
}

// TraceCopyFromStart bounds a COPY.
func (a *answers) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return a.begin(ctx, conn.PgConn())
}

// TraceCopyFromEnd ends it.
func (a *answers) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromEndData) {
	a.end(ctx, data.Err)
}

// allow gives the connection's statements another limit until the function returned is called.
func (a *answers) allow(conn *pgxpool.Conn, times int) (restore func()) {
	if a == nil || times == prompt {
		return func() {}
	}
	data := conn.Conn().PgConn().CustomData()
	data[allowance] = time.Duration(times) * a.limit
	return func() { delete(data, allowance) }
}

// bound bounds a statement that pgx does not trace.
func (a *answers) bound(ctx context.Context, conn *pgconn.PgConn) (bounded context.Context, end func(error)) {
	if a == nil {
		return ctx, func(error) {}
	}
	ctx = a.begin(ctx, conn)
	return ctx, func(err error) { a.end(ctx, err) }
}

// patience is a multiple of the limit.
func (a *answers) patience(times int) time.Duration {
	if a == nil {
		return time.Duration(times) * schema.DefaultPatience
	}
	return time.Duration(times) * a.limit
}
