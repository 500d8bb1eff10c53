package embedded_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"citycard/ledger/embedded"
	"citycard/ledger/ledgertest"

	"github.com/jackc/pgx/v5"
)

// TestFullDisk fills the disk of a private PostgreSQL, which ends: that is noticed, and the reason
// known. With room again it opens, and has what was committed.
func TestFullDisk(t *testing.T) {
	disk := ledgertest.SmallDisk(t, "200")
	dir := filepath.Join(disk, "database")
	database := open(t, dir)
	if err := write(t.Context(), database.URL, 1); err != nil {
		t.Fatal(err)
	}
	free := ledgertest.FillDisk(t, disk)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	logUntil(ctx, t, database)
	select {
	case <-database.Ended():
	case <-ctx.Done():
		t.Fatal("the end of PostgreSQL is not noticed")
	}
	want := "the private PostgreSQL in " + dir + " has ended: No space left on device in " + filepath.Join(dir, "data")
	if err := database.Err(); err == nil || err.Error() != want {
		t.Errorf("it is said to have ended of %v, want %q", err, want)
	}
	var ended *embedded.EndedError
	if err := database.Close(); !errors.As(err, &ended) {
		t.Errorf("closing it: %v, want an EndedError", err)
	}
	if again, err := embedded.Open(t.Context(), embedded.Options{Dir: dir, Settings: small, PostgreSQL: true}); err == nil {
		t.Error("it opened on the full disk")
		_ = again.Close()
	} else if strings.Contains(err.Error(), "\n") || !strings.Contains(strings.ToLower(err.Error()), "no space left on device") {
		t.Errorf("on the full disk: %v, want one line that says so", err)
	}
	free()
	database = open(t, dir)
	if sum, _ := read(t, database.URL); sum != 1 {
		t.Errorf("values sum to %d, want the 1 that was committed", sum)
	}
	if err := database.Close(); err != nil {
		t.Error(err)
	}
}

// TestCockroachFullDisk: a node that ends for want of space is noticed, and the reason known.
func TestCockroachFullDisk(t *testing.T) {
	home, dir := installCockroach(t, "")
	database, err := embedded.Open(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	runs := runsOf(t, home)
	if err := syscall.Kill(runs[len(runs)-1].PID, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	select {
	case <-database.Ended():
	case <-time.After(time.Minute):
		t.Fatal("the end of the node is not noticed")
	}
	if err, want := database.Err(), "the private CockroachDB in "+dir+" has ended: No space left on device in "+dir; err == nil || err.Error() != want {
		t.Errorf("it is said to have ended of %v, want %q", err, want)
	}
	var ended *embedded.EndedError
	if err := database.Close(); !errors.As(err, &ended) {
		t.Errorf("closing it: %v, want an EndedError", err)
	}
}

// logUntil has the server write into its log until it no longer can.
func logUntil(ctx context.Context, t *testing.T, database *embedded.Database) {
	t.Helper()
	conn, err := pgx.Connect(ctx, database.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for err == nil {
		_, err = conn.Exec(ctx, "SELECT pg_logical_emit_message(true, 'full', repeat('x', 1000000))")
	}
	if ctx.Err() != nil {
		t.Fatalf("the disk is not full: %v", err)
	}
}
