package ledger_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestLeaseFromOneWhoStandsStill leases a stream whose owner was stopped in the middle of a batch
// with its connection alive: between two statements, and while it was sending rows, which no time
// limit of the server's ends.
func TestLeaseFromOneWhoStandsStill(t *testing.T) {
	b := newBooks(t)
	for name, sends := range map[string]bool{"between statements": false, "while it sends rows": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			conn, err := b.Pool().Acquire(ctx)
			b.must(err)
			owner := conn.Hijack() // it dies, and is not for the pool
			tx, err := owner.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
			b.must(err)
			_, err = tx.Exec(ctx, "UPDATE streams SET next = next + 1 WHERE stream = $1", b.lease.Stream)
			b.must(err)
			ended := make(chan error, 1)
			rows, pipe := io.Pipe()
			if sends {
				go func() {
					_, err := owner.PgConn().CopyFrom(ctx, rows, "COPY journal (effective_day) FROM STDIN BINARY")
					ended <- err
				}()
				_, err = pipe.Write([]byte("PGCOPY\n\xff\r\n"))
				b.must(err)
			}
			lease, err := b.Lease(ctx, b.lease.Stream, "another", 0)
			b.must(err)
			if lease.Next != b.lease.Next {
				t.Errorf("the stream stands at %d, want %d", lease.Next, b.lease.Next)
			}
			pipe.Close()
			if sends && <-ended == nil {
				t.Error("the owner's rows were taken")
			}
			if !sends && tx.Commit(ctx) == nil {
				t.Error("the owner's batch was committed")
			}
		})
	}
}
