package schema

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// watch follows a migration's statements and reports those that take long. The zero value of its
// lower half is ready to use.
type watch struct {
	log      *slog.Logger
	patience time.Duration
	config   *pgx.ConnConfig // for sessions that ask what is waited for
	dialect  Dialect

	mu        sync.Mutex
	number    int // of the statement under way, counted from 1
	statement string
	session   uint32 // 0 between statements
}

// TraceQueryStart notes the statement that begins.
func (w *watch) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.number++
	w.statement, w.session = data.SQL, conn.PgConn().PID()
	return ctx
}

// TraceQueryEnd notes that it has ended.
func (w *watch) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.session = 0
}

func (w *watch) now() (number int, statement string, session uint32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.number, w.statement, w.session
}

// start reports a statement each time it has run for the patience once more, until the returned
// function is called.
func (w *watch) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticks := time.NewTicker(w.patience)
		defer ticks.Stop()
		before := 0
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
			}
			number, statement, session := w.now()
			if number == before && session != 0 {
				w.report(ctx, statement, session)
			}
			before = number
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

func (w *watch) report(ctx context.Context, statement string, session uint32) {
	waits, err := w.ask(ctx, session)
	if err != nil {
		waits = "cannot be told: " + err.Error()
	}
	w.log.WarnContext(ctx, "the migration waits", "statement", strings.Join(strings.Fields(statement), " "), "for", waits)
}

// ask uses a second session to ask the database what the first one waits for.
func (w *watch) ask(ctx context.Context, session uint32) (waits string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, w.config)
	if err != nil {
		return "", err
	}
	err = conn.QueryRow(ctx, w.dialect.waitStatement(), int64(session)).Scan(&waits)
	return waits, errors.Join(err, conn.Close(ctx))
}
