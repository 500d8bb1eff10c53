package ledgertest

import (
	"context"
	"fmt"
	"time"

	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
)

// AwaitWaiting returns once the given number of statements in the database at url wait for
// another's lock.
func AwaitWaiting(ctx context.Context, url string, statements int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	dialect, err := schema.Detect(ctx, conn)
	if err != nil {
		return err
	}
	query := "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	if dialect == schema.CockroachDB {
		// Older versions of CockroachDB do not show locks. A test's statement that takes this long
		// is waiting for one.
		query = `SELECT count(*) FROM [SHOW CLUSTER STATEMENTS] WHERE application_name = current_setting('application_name')
			AND phase = 'executing' AND start < clock_timestamp() - INTERVAL '300 ms'`
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for waiting := 0; ; <-tick.C {
		if err := conn.QueryRow(ctx, query).Scan(&waiting); err != nil {
			return fmt.Errorf("%d of %d statements wait for a lock: %w", waiting, statements, err)
		}
		if waiting == statements {
			return nil
		}
	}
}
