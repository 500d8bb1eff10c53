package ledger

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Ledger posts to and reads from one database. It is safe for concurrent use.
type Ledger struct {
	pool    *pgxpool.Pool
	dialect schema.Dialect
	answers *answers // nil where the pool is none of Connect's
	chart   *Chart
	log     *slog.Logger
	// retries bounds how often one transaction is attempted again; backoff is the first pause
	// between two attempts, doubled each time up to maxBackoff.
	retries    int
	backoff    time.Duration
	maxBackoff time.Duration
	onRetry    func(cause string)
	rehearses  bool
	buffers    buffers
}

// Option changes a Ledger's settings.
type Option func(*Ledger)

// WithLog sends notices of retries and resolved commits to log; the default drops them.
func WithLog(log *slog.Logger) Option { return func(l *Ledger) { l.log = log } }

// WithRetries bounds the attempts after the first of one transaction (default 40, about eight
// seconds).
func WithRetries(n int) Option { return func(l *Ledger) { l.retries = n } }

// WithBackoff sets the first and the longest pause between two attempts (default 2 ms and 250 ms).
func WithBackoff(first, longest time.Duration) Option {
	return func(l *Ledger) { l.backoff, l.maxBackoff = first, longest }
}

// WithRetryHook calls fn before each further attempt with its cause: an SQLSTATE, "connection", "no
// answer", "duplicate", "chart", "look-up", "unknown commit", "not landed" or "stream taken". It is
// called by many goroutines at once.
func WithRetryHook(fn func(cause string)) Option { return func(l *Ledger) { l.onRetry = fn } }

// WithRehearsal makes the ledger roll back every transaction that it would commit. Each call
// answers what it would have answered, refusals included, and nothing changes: so a command can
// say what it would do.
func WithRehearsal() Option { return func(l *Ledger) { l.rehearses = true } }

// Rehearses reports whether the ledger rolls back what it would commit. Who writes beside it, into
// a file or a table, asks first.
func (l *Ledger) Rehearses() bool { return l.rehearses }

// New returns a Ledger on a pool made by [Connect] (or one with the dialect's HotParameters).
func New(pool *pgxpool.Pool, dialect schema.Dialect, options ...Option) *Ledger {
	l := &Ledger{
		pool: pool, dialect: dialect, chart: newChart(), log: slog.New(slog.DiscardHandler),
		retries: 40, backoff: 2 * time.Millisecond, maxBackoff: 250 * time.Millisecond,
		onRetry: func(string) {},
	}
	l.answers, _ = pool.Config().ConnConfig.Tracer.(*answers)
	for _, option := range options {
		option(l)
	}
	return l
}

// ConnectOption changes how Connect sets up its connections.
type ConnectOption func(*connection)

type connection struct {
	readOnly bool
	role     string
	patience time.Duration
}

// ReadOnly makes connections on which nothing can be written; for them a database user with the
// right to read is enough.
func ReadOnly() ConnectOption { return func(c *connection) { c.readOnly = true } }

// As makes connections that have the rights of a role alone, where the user may take it.
func As(role string) ConnectOption { return func(c *connection) { c.role = role } }

// Patience is how long the database may leave a statement of a posting, COMMIT included, without an
// answer (default 10 s). Then the connection is closed, and the statement's outcome is found out as
// after any lost connection. A second statement in a row without an answer is ErrUnavailable. The
// steps of a day's end may take sixty times as long. Reads are not limited, as long as the server's
// host answers.
func Patience(d time.Duration) ConnectOption { return func(c *connection) { c.patience = d } }

// Connect opens a pool of up to conns connections, set up for posting, to the database at url. It
// does not migrate; see schema.Apply.
func Connect(ctx context.Context, url string, conns int, options ...ConnectOption) (*pgxpool.Pool, schema.Dialect, error) {
	set := connection{patience: schema.DefaultPatience}
	for _, option := range options {
		option(&set)
	}
	if set.patience <= 0 {
		return nil, 0, fmt.Errorf("patience of %s with the database: expected more than none", set.patience)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, 0, fmt.Errorf("database URL: %w", err)
	}
	schema.Bound(config.ConnConfig, set.patience)
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, 0, fmt.Errorf("connect to the database: %w", err)
	}
	dialect, err := schema.Detect(ctx, conn)
	if closeErr := conn.Close(ctx); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, 0, err
	}
	config.MaxConns = int32(max(conns, 2))
	for name, value := range dialect.HotParameters() {
		config.ConnConfig.RuntimeParams[name] = value
	}
	if set.readOnly {
		config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	}
	if set.role != "" {
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SET ROLE "+pgx.Identifier{set.role}.Sanitize())
			return err
		}
	}
	bound := &answers{limit: set.patience}
	config.ConnConfig.Tracer = bound
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, 0, fmt.Errorf("open the connection pool: %w", err)
	}
	bound.pool.Store(pool)
	return pool, dialect, nil
}

// Pool returns the pool the ledger works on, for callers that keep their own tables beside it.
func (l *Ledger) Pool() *pgxpool.Pool { return l.pool }

// Dialect returns the database's dialect.
func (l *Ledger) Dialect() schema.Dialect { return l.dialect }
