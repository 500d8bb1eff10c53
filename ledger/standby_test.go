package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// onConnection runs a statement on the pool's only connection.
func onConnection(t *testing.T, l *ledger.Ledger, statement string) {
	t.Helper()
	if _, err := l.Pool().Exec(context.Background(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestReadOnlyServer meets a server that takes no writes, as after a failover: it is waited for,
// and a connection made since is tried.
func TestReadOnlyServer(t *testing.T) {
	url := ledgertest.New(t)
	few := []ledger.Option{ledger.WithRetries(3), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)}
	b := openBooks(t, ledgertest.Connect(t, url, 1, few...))
	onConnection(t, b.Ledger, "SET default_transaction_read_only = on")
	b.post([]ledger.Transfer{transfer(1, "float", "operator:bus", 5)})

	standby := ledgertest.Connect(t, url+"&default_transaction_read_only=on", 1, few...)
	_, err := standby.Post(context.Background(), b.batch([]ledger.Transfer{transfer(2, "float", "operator:bus", 5)}))
	if !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("posting to a standby: %v, expected ErrUnavailable", err)
	}
}

// TestStatementTimeout lets the server give a statement up while another transaction has the
// stream's row: it is tried again later.
func TestStatementTimeout(t *testing.T) {
	url := ledgertest.New(t)
	b := openBooks(t, ledgertest.Connect(t, url, 1, ledger.WithRetries(2), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)))
	other := ledgertest.Connect(t, url, 1)
	ctx := context.Background()
	tx, err := other.Pool().BeginTx(ctx, pgx.TxOptions{})
	b.must(err)
	_, err = tx.Exec(ctx, "SELECT next FROM streams WHERE stream = $1 FOR UPDATE", b.lease.Stream)
	b.must(err)
	onConnection(t, b.Ledger, "SET statement_timeout = '30ms'")
	batch := b.batch([]ledger.Transfer{transfer(1, "float", "operator:bus", 5)})
	if _, err := b.Post(ctx, batch); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("posting past the server's time-out: %v, expected ErrUnavailable", err)
	}
	b.must(tx.Rollback(ctx))
	b.postBatch(batch)
}
