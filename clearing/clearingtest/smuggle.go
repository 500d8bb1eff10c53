package clearingtest

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"citycard/clearing/registry"
	"citycard/ledger"
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
	content := registry.Content{Rows: 1, Digest: hex.EncodeToString(digest[:])}
	must(pool.QueryRow(ctx, `SELECT (SELECT max(number) FROM registry_changes) + 1, (SELECT max(number) FROM registry_versions)`).Scan(&content.Change, &content.Base))
	exec := func(statement string, args ...any) {
		t.Helper()
		_, err := pool.Exec(ctx, statement, args...)
		must(err)
	}
	exec("INSERT INTO registry_rows (change, kind, key, effective_from, record) VALUES ($1, $2, $3, $4, $5)", content.Change, int64(row.Kind), row.Key, row.From, record)
	exec("INSERT INTO registry_changes (number, base, rows, digest) VALUES ($1, $2, 1, $3)", content.Change, content.Base, digest[:])
	must(registry.NewStore(pool).Approve(ctx, content, ledger.Approval{First: "smuggler", Second: "accomplice", Reason: "smuggled", At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}))
}

// Change puts registry files in force by two people, who do not sign.
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
	content, err := store.Keep(t.Context(), draft)
	if err == nil {
		err = store.Approve(t.Context(), content, ledger.Approval{First: "Li", Second: "Wang", Reason: "a test", At: at})
	}
	if err != nil {
		t.Fatal(err)
	}
}
