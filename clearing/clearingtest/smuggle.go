package clearingtest

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"citycard/clearing/registry"
)

// Smuggled is a row of the registry as a database holds it.
type Smuggled struct {
	Kind   registry.Kind
	Key    []byte
	From   int64
	Record []string // every column
}

// Smuggle puts a row in force that no import accepts, as if a program with other rules had imported
// and approved it.
func Smuggle(t testing.TB, pool *pgxpool.Pool, row Smuggled) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var line strings.Builder
	w := csv.NewWriter(&line)
	must(w.Write(row.Record))
	w.Flush()
	record := strings.TrimSuffix(line.String(), "\n")
	digest := sha256.Sum256([]byte(string(rune(row.Kind)) + record + "\n"))
	ctx := context.WithoutCancel(t.Context())
	var change, base int64
	must(pool.QueryRow(ctx, `SELECT (SELECT max(change) FROM registry_audit) + 1, (SELECT max(number) FROM registry_versions)`).Scan(&change, &base))
	exec := func(statement string, args ...any) {
		t.Helper()
		_, err := pool.Exec(ctx, statement, args...)
		must(err)
	}
	exec("INSERT INTO registry_audit (change, step, act, person, at) VALUES ($1, 1, 'import', 'smuggler', 0)", change)
	exec("INSERT INTO registry_rows (change, kind, key, effective_from, record) VALUES ($1, $2, $3, $4, $5)", change, int64(row.Kind), row.Key, row.From, record)
	exec("INSERT INTO registry_changes (number, base, rows, digest, reason) VALUES ($1, $2, 1, $3, 'smuggled')", change, base, digest[:])
	must(registry.NewStore(pool).Approve(ctx, change, registry.Act{Person: "accomplice", At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}))
}

// Change imports registry files as one person and approves them as another.
func Change(t testing.TB, pool *pgxpool.Pool, files map[string]string) {
	t.Helper()
	store := registry.NewStore(pool)
	base, err := store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	draft, err := registry.Read(WriteFiles(t, files), base)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 6, 9, 0, 0, 0, time.UTC)
	change, err := store.Propose(t.Context(), draft, registry.Act{Person: "Li", At: at}, "a test")
	if err == nil {
		err = store.Approve(t.Context(), change, registry.Act{Person: "Wang", At: at})
	}
	if err != nil {
		t.Fatal(err)
	}
}
