package books_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// cities are data directories and databases.
type cities struct{ *testing.T }

func (c cities) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

// directory is a new data directory, marked as such.
func (c cities) directory() string {
	c.Helper()
	dir, err := service.OpenDataDir(filepath.Join(c.TempDir(), "data"), books.DataPurpose)
	c.must(err)
	c.must(dir.Close())
	return dir.Path
}

// database is a database with books, whose identity it returns.
func (c cities) database() (url, id string) {
	c.Helper()
	url = ledgertest.Empty(c)
	b, err := books.Open(c.Context(), url, "", 2, slog.New(slog.DiscardHandler))
	c.must(err)
	c.must(b.OpenDay(c.Context(), 20260105))
	id, err = b.ID(c.Context())
	c.must(err)
	c.must(b.Close(context.Background()))
	return url, id
}

func (c cities) find(right books.Right, url, data string) error {
	c.Helper()
	b, err := books.Find(c.Context(), right, url, data, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return b.Close(context.Background())
}

func (c cities) serve(url, data string) error {
	c.Helper()
	b, err := books.Open(c.Context(), url, data, 2, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return b.Close(context.Background())
}

func (c cities) wantRefused(err error, data string, identities ...string) {
	c.Helper()
	if err == nil {
		c.Error("the books of another city were opened")
		return
	}
	for _, want := range append(identities, data, "give --data of the city whose books these are") {
		if !strings.Contains(err.Error(), want) {
			c.Errorf("%v, want %q in it", err, want)
		}
	}
}

// TestIdentity opens two cities' books with the data directory of one: everything but its own books
// is refused, nothing is made in an empty database, and the directory keeps the first identity.
func TestIdentity(t *testing.T) {
	c := cities{t}
	own, ownID := c.database()
	other, otherID := c.database()
	data := c.directory()
	c.must(c.find(books.ToRead, other, data)) // it belongs to none yet
	c.must(c.find(books.ToRehearse, other, data))
	c.must(c.find(books.ToChange, own, data))
	kept := filepath.Join(data, "books.id")
	text, err := os.ReadFile(kept)
	c.must(err)
	if string(text) != ownID+"\n" {
		t.Errorf("the data directory belongs to %q, want %s", text, ownID)
	}
	c.must(c.serve(own, data))
	for _, right := range []books.Right{books.ToRead, books.ToRehearse, books.ToChange} {
		c.must(c.find(right, own, data))
		c.wantRefused(c.find(right, other, data), data, ownID, otherID)
	}
	c.wantRefused(c.serve(other, data), data, ownID, otherID)
	empty := ledgertest.Empty(t)
	c.wantRefused(c.serve(empty, data), data, ownID, "has no books")
	pool, _, err := ledger.Connect(t.Context(), empty, 1)
	c.must(err)
	defer pool.Close()
	var tables int
	c.must(pool.QueryRow(t.Context(), "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'").Scan(&tables))
	if tables != 0 {
		t.Errorf("%d tables were made in the empty database", tables)
	}
	c.must(c.find(books.ToChange, other, filepath.Join(t.TempDir(), "nowhere")))

	c.must(os.WriteFile(kept, []byte(otherID), 0o600)) // without the line's end
	if err := c.find(books.ToRead, other, data); err == nil || !strings.Contains(err.Error(), "does not say to which books") {
		t.Errorf("a damaged identity: %v", err)
	}
	c.must(os.Remove(kept))
	c.must(c.serve(other, data))
	c.wantRefused(c.find(books.ToRead, own, data), data, otherID, ownID)
}

// TestIdentityAtOnce has many processes begin in one data directory with two cities' books: those
// of one city get it.
func TestIdentityAtOnce(t *testing.T) {
	c := cities{t}
	one, _ := c.database()
	two, _ := c.database()
	data := c.directory()
	var done sync.WaitGroup
	failed := make([]error, 8)
	for n := range failed {
		done.Go(func() { failed[n] = c.find(books.ToChange, []string{one, two}[n%2], data) })
	}
	done.Wait()
	firsts := failed[0] == nil
	for n, err := range failed {
		if (err == nil) != (firsts == (n%2 == 0)) {
			t.Errorf("process %d: %v; the first: %v", n, err, failed[0])
		}
	}
}
