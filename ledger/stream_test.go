package ledger_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"testing"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"

	"github.com/jackc/pgx/v5"
)

// signer seals the days of the tests.
func signer() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// verify fails the test for each fault in the books.
func (b *books) verify() verify.Summary {
	b.t.Helper()
	public, _ := signer().Public().(ed25519.PublicKey)
	summary, err := verify.Books(context.Background(), b.Ledger, public, func(f verify.Fault) { b.t.Errorf("verify: %v", f) })
	b.must(err)
	return summary
}

func TestOnlyTheOwnerMovesAStream(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	stale := b.batch([]ledger.Transfer{transfer(1, "float", "operator:bus", 1)})
	newer, err := b.Lease(ctx, "taps/0", "another", 0)
	b.must(err)
	if newer.Epoch != b.lease.Epoch+1 || newer.Next != 0 || newer.Day != today {
		t.Fatalf("the new lease is %+v", newer)
	}
	var e *ledger.StreamError
	if _, err = b.Post(ctx, stale); !errors.Is(err, ledger.ErrFenced) || !errors.As(err, &e) || e.Current.Epoch != newer.Epoch {
		t.Errorf("a stale owner got %v, expected ErrFenced", err)
	}
	b.lease = newer
	again := b.batch([]ledger.Transfer{transfer(1, "float", "operator:bus", 1)})
	b.postBatch(again)
	if _, err = b.Post(ctx, again); !errors.Is(err, ledger.ErrPosition) {
		t.Errorf("a batch posted twice got %v, expected ErrPosition", err)
	}
	nowhere := *again
	nowhere.Stream = "taps/1"
	if _, err = b.Post(ctx, &nowhere); !errors.Is(err, ledger.ErrNoStream) {
		t.Errorf("an unknown stream got %v, expected ErrNoStream", err)
	}
	for name, change := range map[string]func(*ledger.Batch){
		"no name": func(x *ledger.Batch) { x.Stream = "" }, "backwards": func(x *ledger.Batch) { x.Next = x.From }, "no day": func(x *ledger.Batch) { x.Day = 20261301 },
		"shard": func(x *ledger.Batch) { x.Shard = -1 }, "size": func(x *ledger.Batch) { x.Transfers = make([]ledger.Transfer, ledger.MaxRows+1) },
	} {
		bad := *again
		change(&bad)
		var malformed *ledger.BatchError
		if _, err = b.Post(ctx, &bad); !errors.As(err, &malformed) {
			t.Errorf("%s: got %v, expected a BatchError", name, err)
		}
	}
	if got := b.balance("operator:bus"); got != 1 {
		t.Errorf("operator:bus holds %d, expected 1", got)
	}
	b.verify()
}

// TestStatedKeys has transfers that must be looked up first: a batch that states their keys
// runs once, and repeats are found as well.
func TestStatedKeys(t *testing.T) {
	var causes []string
	b := newBooks(t, ledger.WithRetryHook(func(cause string) { causes = append(causes, cause) }))
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100)})
	for _, want := range []ledger.Result{ledger.Inserted, ledger.Duplicate} {
		transfers := []ledger.Transfer{transfer(2, "fund", "float", 30), transfer(3, "fund", "float", 40)}
		batch := b.batch(nil)
		for _, t := range transfers {
			batch.Keys = append(batch.Keys, ledger.Key{Day: t.Day, Subject: t.Subject, ID: t.ID})
		}
		runs := 0
		batch.Prepare = func(context.Context, pgx.Tx) error {
			runs++
			batch.Transfers = transfers
			return nil
		}
		for i, d := range b.postBatch(batch).Transfers {
			if d.Result != want {
				t.Errorf("transfer %d: %+v, expected %v", i, d, want)
			}
		}
		if runs != 1 {
			t.Errorf("%d runs, expected one", runs)
		}
	}
	if len(causes) != 0 {
		t.Errorf("further attempts for %q, expected none", causes)
	}
}

func TestPrepareAndFinishShareTheCommit(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	_, err := b.Pool().Exec(ctx, "CREATE TABLE IF NOT EXISTS side (id INT8 PRIMARY KEY)")
	b.must(err)
	batch := b.batch(nil)
	runs := 0
	batch.Prepare = func(ctx context.Context, tx pgx.Tx) error {
		runs++
		batch.Transfers = []ledger.Transfer{transfer(1, "reserve", "fund", 100), transfer(2, "fund", "float", 30)}
		return nil
	}
	batch.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
		var rows int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM journal").Scan(&rows); err != nil || rows != 2 {
			return nil, fmt.Errorf("Finish sees %d rows, expected 2: %w", rows, err)
		}
		_, err := tx.Exec(ctx, "INSERT INTO side (id) VALUES ($1)", out.Sequence)
		return []byte("rules 7"), err
	}
	out := b.postBatch(batch)
	if len(out.Transfers) != 2 || out.Transfers[1].Result != ledger.Inserted || runs != 2 {
		t.Errorf("outcome %+v after %d runs; expected two inserted after two (the limited transfer is looked up between)", out, runs)
	}
	next := b.batch([]ledger.Transfer{transfer(3, "reserve", "fund", 1)})
	wrong := errors.New("wrong")
	next.Finish = func(context.Context, pgx.Tx, *ledger.Outcome) ([]byte, error) { return nil, wrong }
	if _, err = b.Post(ctx, next); !errors.Is(err, wrong) {
		t.Errorf("got %v, expected Finish's error", err)
	}
	// On another connection it would wait for its own batch on CockroachDB.
	next.Finish = func(ctx context.Context, _ pgx.Tx, _ *ledger.Outcome) ([]byte, error) {
		if _, err := b.Balance(ctx, "fund"); !errors.Is(err, ledger.ErrInside) {
			t.Errorf("a balance asked for inside the batch: %v, expected ErrInside", err)
		}
		return nil, b.Read(ctx, func(pgx.Tx) error { return nil })
	}
	if _, err = b.Post(ctx, next); !errors.Is(err, ledger.ErrInside) {
		t.Errorf("a read inside the batch: %v, expected ErrInside", err)
	}
	if got := b.balance("fund"); got != 70 {
		t.Errorf("fund holds %d, expected 70: the failed batch left something", got)
	}
	b.verify()
}

func TestDaysCloseAroundBatchesInFlight(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	tomorrow := today.Next()
	settlement, err := b.Lease(ctx, "settlement", "test", 0)
	b.must(err)
	const workers, batches = 4, 12
	closeNow := make(chan struct{}, workers*batches)
	var group, leased sync.WaitGroup
	leased.Add(workers)
	for w := range workers {
		group.Go(func() {
			lease, err := b.Lease(ctx, fmt.Sprintf("taps/%d", w+1), "test", 0)
			leased.Done()
			for n := 0; err == nil && n < batches; n++ {
				batch := &ledger.Batch{
					Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Shard: w,
					Transfers: []ledger.Transfer{transfer(1000*w+2*n, "float", "operator:bus", 1), transfer(1000*w+2*n+1, "float", "operator:metro", 1)},
				}
				_, err = b.Post(ctx, batch)
				var moved *ledger.StreamError
				if errors.Is(err, ledger.ErrDayMoved) && errors.As(err, &moved) {
					lease.Day, batch.Day = moved.Current.Day, moved.Current.Day
					_, err = b.Post(ctx, batch)
				}
				lease.Next = batch.Next
				closeNow <- struct{}{}
			}
			if err != nil {
				t.Error(err)
				closeNow <- struct{}{}
			}
		})
	}
	leased.Wait()
	for range workers * 2 {
		<-closeNow
	}
	b.must(b.CloseDay(ctx, today, tomorrow, "settlement"))
	b.must(b.CloseDay(ctx, today, tomorrow, "settlement"))
	group.Wait()
	if err = b.CloseDay(ctx, today, tomorrow.Next()); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("closing with another next day: %v, expected ErrDay", err)
	}
	late := &ledger.Batch{Stream: "settlement", Epoch: settlement.Epoch, From: 0, Next: 1, Day: today, Transfers: []ledger.Transfer{transfer(9001, "float", "operator:bus", 5)}}
	if _, err = b.Post(ctx, late); err != nil {
		t.Errorf("settlement in the closing day: %v", err)
	}
	if lease, err := b.Lease(ctx, "late", "test", today); err != nil || lease.Day != today {
		t.Errorf("a new stream for the closing day: %+v %v", lease, err)
	}
	key := signer()
	if _, err = b.SealDay(ctx, today, key); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("sealing a closing day: %v, expected ErrDay", err)
	}
	b.must(b.EndDay(ctx, today))
	late.From, late.Next = 1, 2
	if _, err = b.Post(ctx, late); !errors.Is(err, ledger.ErrDayMoved) {
		t.Errorf("settlement in the closed day: %v, expected ErrDayMoved", err)
	}
	if _, err = b.Lease(ctx, "later", "test", today); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("a new stream for the closed day: %v, expected ErrDay", err)
	}
	ledgertest.Pin(t, b.Ledger, key)
	seal, err := b.SealDay(ctx, today, key)
	b.must(err)
	if again, err := b.SealDay(ctx, today, key); err != nil || again.Root != seal.Root || !seal.Valid() || seal.Streams != workers+4 { // the audit is one
		t.Errorf("sealed again: %+v %v, first %+v", again, err, seal)
	}
	if _, err = b.Post(ctx, late); !errors.Is(err, ledger.ErrDaySealed) {
		t.Errorf("settlement in the sealed day: %v, expected ErrDaySealed", err)
	}
	b.checkTrials(today, tomorrow, workers*batches+5)
	b.verify()
}

// checkTrials checks that the trial balances of the two days add up to the bus operator's total,
// each day balanced.
func (b *books) checkTrials(today, tomorrow ledger.Day, want ledger.Fen) {
	b.t.Helper()
	trial, err := b.Trial(context.Background(), tomorrow)
	b.must(err)
	var sums, before ledger.Sums
	for _, row := range trial {
		sums.Debits += row.Before.Debits + row.Day.Debits
		sums.Credits += row.Before.Credits + row.Day.Credits
		before.Debits += row.Before.Debits
		before.Credits += row.Before.Credits
		if row.Account.Code == "operator:bus" && row.Before.Credits+row.Day.Credits != want {
			b.t.Errorf("operator:bus was credited %d + %d, expected %d together", row.Before.Credits, row.Day.Credits, want)
		}
	}
	if sums.Debits != sums.Credits || before.Debits != before.Credits || before.Debits == 0 {
		b.t.Errorf("trial balance: %+v in all, %+v before", sums, before)
	}
}
