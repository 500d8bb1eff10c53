package ledger

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger/schema"
)

// evictIdle ends sessions that hold the stream's row while they wait for their client, so that tx
// waits for them. Their process was stopped in the middle of a batch, but its connection is still
// open. No setting of PostgreSQL 15 ends a session that was sending rows. The work of an ended
// session is rolled back; its stream gets a new owner in any case. It looks several times before
// the lease itself loses patience. The returned function stops it. On CockroachDB it does nothing:
// there the lease passes such sessions, see schema's PassStatement.
func (l *Ledger) evictIdle(ctx context.Context, tx pgx.Tx) (stop func()) {
	if l.dialect != schema.PostgreSQL {
		return func() {}
	}
	pid := int64(tx.Conn().PgConn().PID())
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(l.answers.patience(prompt) / 4)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			tag, err := l.pool.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE pid = ANY (pg_blocking_pids($1::INT8::INT4)) AND wait_event_type = 'Client'`, pid)
			if err != nil {
				l.log.WarnContext(ctx, "a session that holds a stream could not be ended", "error", err)
			} else if tag.RowsAffected() > 0 {
				l.log.WarnContext(ctx, "a session that held a stream and waited for its client was ended", "sessions", tag.RowsAffected())
			}
		}
	})
	return func() { cancel(); group.Wait() }
}
