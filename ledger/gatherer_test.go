package ledger_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"citycard/ledger"
)

// TestGathererGivesEachCallerItsOwnAnswer has many callers debit a fund that holds enough for half
// of them, over a day's close.
func TestGathererGivesEachCallerItsOwnAnswer(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 500)})
	g, err := b.NewGatherer(ctx, "desk", "test", 1, time.Millisecond)
	b.must(err)
	const callers, calls = 20, 10
	var mu sync.Mutex
	results := make(map[ledger.Result]int)
	closing := make(chan struct{}, callers*calls)
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for n := range calls {
				id := 1000 + caller*100 + 2*n
				chain := []ledger.Transfer{transfer(id, "fund", "operator:bus", 3), transfer(id+1, "fund", "operator:metro", 2)}
				decisions, err := g.Post(ctx, chain)
				if err != nil || len(decisions) != 2 || decisions[0].Result != decisions[1].Result {
					t.Errorf("caller %d: %v %v, expected two equal results", caller, decisions, err)
				}
				var refused *ledger.TransferError
				if len(decisions) == 2 && errors.As(decisions[1].Err, &refused) && refused.Index != 1 {
					t.Errorf("caller %d: the error names transfer %d, expected 1", caller, refused.Index)
				}
				mu.Lock()
				results[decisions[0].Result]++
				mu.Unlock()
				closing <- struct{}{}
			}
		})
	}
	for range callers * calls / 4 {
		<-closing
	}
	b.must(b.CloseDay(ctx, today, today.Next()))
	group.Wait()
	if results[ledger.Inserted] != 100 || results[ledger.Refused] != 100 {
		t.Errorf("results %v, expected 100 inserted and 100 refused", results)
	}
	if fund := b.balance("fund"); fund != 0 {
		t.Errorf("fund holds %d, expected 0", fund)
	}
	again, err := g.Post(ctx, []ledger.Transfer{transfer(1, "reserve", "fund", 500)})
	if want := []string{"duplicate 500"}; err != nil || !slices.Equal(describe(again), want) {
		t.Errorf("posted again: %q %v, expected %q", describe(again), err, want)
	}
	g.Close()
	if _, err = g.Post(ctx, []ledger.Transfer{transfer(9, "reserve", "fund", 1)}); !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("after Close: %v, expected ErrStopped", err)
	}
	b.verify()
}

func TestGathererStopsWhenFenced(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	g, err := b.NewGatherer(ctx, "desk", "test", 1, 0)
	b.must(err)
	defer g.Close()
	b.must(g.Check(ctx))
	_, err = b.Lease(ctx, "desk", "another", 0)
	b.must(err)
	if err = g.Check(ctx); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("idle, with another owner: %v, expected ErrFenced", err)
	}
	for range 2 {
		if _, err = g.Post(ctx, []ledger.Transfer{transfer(1, "reserve", "fund", 1)}); !errors.Is(err, ledger.ErrFenced) {
			t.Errorf("with another owner: %v, expected ErrFenced", err)
		}
	}
	if err = g.Check(ctx); !errors.Is(err, ledger.ErrFenced) {
		t.Errorf("stopped by another owner: %v, expected ErrFenced", err)
	}
	var malformed *ledger.BatchError
	if _, err = g.Post(ctx, nil); !errors.As(err, &malformed) {
		t.Errorf("an empty chain: %v, expected a BatchError", err)
	}
}
