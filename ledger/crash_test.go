package ledger_test

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/embedded"
	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"
)

// TestServerKilled kills the database server under a stream of batches and callers of a gatherer
// with holds in flight, and starts it again. Every batch that was answered is there, at most one
// more, and all that callers were told; when they have posted it once more, the books are whole.
func TestServerKilled(t *testing.T) {
	ctx := context.Background()
	parent, err := os.MkdirTemp("", "citycard-crash-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(parent) }()
	if err = os.Chmod(parent, 0o711); err != nil {
		t.Fatal(err)
	}
	options := embedded.Options{Dir: filepath.Join(parent, "database"), PostgreSQL: true, Settings: map[string]string{"shared_buffers": "64MB"}}
	database, err := embedded.Open(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = schema.Apply(ctx, database.URL); err != nil {
		t.Fatal(err)
	}
	b := openBooks(t, ledgertest.Connect(t, database.URL, 4, ledger.WithRetries(2), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)))
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", fundAtStart)})
	heard := &told{amounts: make(map[string]ledger.Fen)}
	callers := b.callers(heard)
	const before = 20
	for n := 0; err == nil; n++ {
		if n == before {
			go killPostmaster(t, options.Dir)
		}
		var out *ledger.Outcome
		batch := b.batch([]ledger.Transfer{transfer(500_000+n, "reserve", "personal:a", 1)})
		if out, err = b.Post(ctx, batch); err == nil {
			b.lease.Next, b.lease.Sequence = batch.Next, out.Sequence
		}
	}
	if !errors.Is(err, ledger.ErrUnavailable) && !errors.Is(err, ledger.ErrOutcomeUnknown) {
		t.Errorf("with the server killed: %v, expected ErrUnavailable or ErrOutcomeUnknown", err)
	}
	lost := err
	answered := b.lease.Sequence
	callers.Wait()
	_ = database.Close() // its server is gone, which it says; the directory's lock is what must be given back
	database, err = embedded.Open(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	}()
	again := openBooks(t, ledgertest.Connect(t, database.URL, 4))
	defer again.Pool().Close()
	extra := again.lease.Sequence - answered
	if extra < 0 || extra > 1 || extra == 1 && !errors.Is(lost, ledger.ErrOutcomeUnknown) {
		t.Errorf("%d batches were answered, then %v; %d are there", answered, lost, again.lease.Sequence)
	}
	if personal := again.balance("personal:a"); personal != ledger.Fen(again.lease.Sequence-1) {
		t.Errorf("personal:a holds %d after %d batches", personal, again.lease.Sequence)
	}
	again.nothingLost(heard)
	again.callers(heard).Wait()
	again.wholeAfter(heard)
}

// callers has callers post their chains through a gatherer, each until it is done or fails, and
// notes what they are told.
func (b *books) callers(heard *told) *sync.WaitGroup {
	ctx := context.Background()
	g, err := b.NewGatherer(ctx, "desk", "test", 1, time.Millisecond)
	b.must(err)
	var mu sync.Mutex
	var group, closed sync.WaitGroup
	for caller := range killCallers {
		group.Go(func() {
			for n := range killSteps {
				chain := clientChain(caller, n)
				decisions, err := g.Post(ctx, chain)
				if err != nil {
					return
				}
				mu.Lock()
				for i, d := range decisions {
					if d.Result != ledger.Refused {
						heard.amounts[hex.EncodeToString([]byte(rowID(&chain[i])))] = d.Amount
					}
				}
				mu.Unlock()
			}
		})
	}
	closed.Go(func() {
		group.Wait()
		g.Close()
	})
	return &closed
}

func killPostmaster(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Error(err)
		return
	}
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Error(err)
	}
}
