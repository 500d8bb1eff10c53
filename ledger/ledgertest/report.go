package ledgertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
)

// reportAfter is how long a test may keep a database before it is told what the server does.
const reportAfter = 3 * time.Minute

// report writes to standard error what the database's server is doing, each time a test has had the
// database for that long, until the returned function is called. A test that hangs is ended by the
// package's time limit, which says nothing about the server.
func (s *server) report(at *url.URL) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(reportAfter)
		defer tick.Stop()
		for reports := time.Duration(1); ; reports++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				fmt.Fprintf(os.Stderr, "%s is in use for %s:\n%s", at.Path[1:], reports*reportAfter, activity(ctx, s.database.URL, s.dialect))
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// activity is what the server at url is doing, one line for each statement, job and lock waited
// for.
func activity(ctx context.Context, url string, dialect schema.Dialect) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	queries := []string{`SELECT format('%s %s %s: %s', datname, state, wait_event, left(query, 200)) FROM pg_stat_activity
		WHERE backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()`}
	if dialect == schema.CockroachDB {
		queries = []string{
			"SELECT application_name || ' since ' || start::STRING || ': ' || left(query, 200) FROM [SHOW CLUSTER STATEMENTS] WHERE query NOT LIKE '%SHOW CLUSTER STATEMENTS%'",
			"SELECT job_type || ' ' || status || ': ' || left(description, 200) FROM [SHOW JOBS] WHERE status NOT IN ('succeeded', 'failed', 'canceled')",
			"SELECT 'contended: ' || table_name || ' ' || num_contention_events::STRING FROM crdb_internal.cluster_contended_tables",
		}
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Sprintf("the server gives no answer: %v\n", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var said strings.Builder
	for _, query := range queries {
		rows, err := conn.Query(ctx, query)
		if err == nil {
			var lines []string
			lines, err = pgx.CollectRows(rows, pgx.RowTo[string])
			for _, line := range lines {
				said.WriteString("  " + strings.ReplaceAll(line, "\n", " ") + "\n")
			}
		}
		if err != nil {
			fmt.Fprintf(&said, "  %v\n", err)
		}
	}
	return said.String()
}
