package ledger_test

import (
	"context"
	"testing"

	"citycard/ledger"
	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
)

// TestNoRelationIsLocked posts batches of all kinds, after the planner was told how small the
// tables are, and looks which predicate locks they took. One on a whole relation would make every
// two batches abort each other. An open SERIALIZABLE transaction keeps PostgreSQL from forgetting
// the locks at commit. CockroachDB has no such locks.
func TestNoRelationIsLocked(t *testing.T) {
	b := newBooks(t)
	if b.Dialect() != schema.PostgreSQL {
		t.Skip("predicate locks on relations are PostgreSQL's")
	}
	ctx := context.Background()
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100), transfer(2, "float", "operator:bus", 1)})
	_, err := b.Pool().Exec(ctx, "ANALYZE")
	b.must(err)
	holder, err := b.Pool().BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
	b.must(err)
	defer func() { b.must(holder.Rollback(ctx)) }()
	_, err = holder.Exec(ctx, "SELECT 1")
	b.must(err)

	b.post([]ledger.Transfer{transfer(3, "float", "operator:bus", 1), transfer(2, "float", "operator:bus", 1)})
	b.post([]ledger.Transfer{transfer(4, "fund", "operator:bus", 1), transfer(5, "fund", "operator:bus", 1000)},
		ledger.Memo{Day: today, Subject: "card", ID: "memo", Kind: "record"})

	var relations, others int
	b.must(b.Pool().QueryRow(ctx, `SELECT count(*) FILTER (WHERE locktype = 'relation'), count(*) FILTER (WHERE locktype <> 'relation')
		FROM pg_locks WHERE mode = 'SIReadLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&relations, &others))
	if relations != 0 {
		t.Errorf("%d predicate locks on relations, expected none", relations)
	}
	if others == 0 {
		t.Error("no predicate locks at all: the test looked in the wrong place")
	}
}
