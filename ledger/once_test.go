package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// desk posts once in a stream of its own, which others take away.
type desk struct {
	*books
	built int
	// taken runs when the batch is built: between the lease and the post.
	taken func(attempt int)
}

func (d *desk) post(ctx context.Context, transfers ...ledger.Transfer) (*ledger.Outcome, error) {
	d.built = 0
	return d.PostOnce(ctx, "desk", "test", 0, func(b *ledger.Batch) error {
		d.built++
		if d.taken != nil {
			d.taken(d.built)
		}
		b.Transfers = transfers
		return nil
	})
}

// take has another owner lease the stream at the first so many attempts.
func (d *desk) take(times int) {
	d.taken = func(attempt int) {
		if attempt <= times {
			_, err := d.Lease(context.Background(), "desk", "another", 0)
			d.must(err)
		}
	}
}

// stands fails the test if something else was booked for the bus, or in other batches.
func (d *desk) stands(fen ledger.Fen, batches int64) {
	d.t.Helper()
	if got := d.balance("operator:bus"); got != fen {
		d.t.Errorf("operator:bus holds %d, expected %d", got, fen)
	}
	if lease, err := d.Stream(context.Background(), "desk"); err != nil || lease.Next != batches || lease.Sequence != batches {
		d.t.Errorf("the stream is %+v, %v; expected %d batches", lease, err, batches)
	}
	d.verify()
}

func ride(id int) ledger.Transfer { return transfer(id, "float", "operator:bus", 60) }

// TestPostOnce has another owner take the stream twice; then it is booked, once. A repeat books
// nothing, and neither does a batch without rows.
func TestPostOnce(t *testing.T) {
	var causes []string
	d := &desk{books: newBooks(t, ledger.WithRetryHook(func(cause string) { causes = append(causes, cause) }), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond))}
	d.take(2)
	out, err := d.post(t.Context(), ride(1))
	if err != nil || out.Transfers[0].Result != ledger.Inserted || d.built != 3 {
		t.Fatalf("taken twice: %+v, %v, built %d times; expected to be booked at the third", out, err, d.built)
	}
	if !slices.Equal(causes, []string{"stream taken", "stream taken"}) {
		t.Errorf("causes of retries %q, expected to have been told of two", causes)
	}
	d.stands(60, 1)
	d.taken = nil
	if out, err = d.post(t.Context(), ride(1)); err != nil || out.Transfers[0].Result != ledger.Duplicate {
		t.Errorf("again: %+v, %v; expected a duplicate", out, err)
	}
	if out, err = d.post(t.Context()); err != nil || out != nil {
		t.Errorf("nothing to post: %+v, %v", out, err)
	}
	d.stands(60, 2)
}

// TestPostOnceBusy has another owner take the stream each time, and the caller's context end.
func TestPostOnceBusy(t *testing.T) {
	d := &desk{books: newBooks(t, ledger.WithRetries(3), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond))}
	d.take(100)
	if _, err := d.post(t.Context(), ride(1)); !errors.Is(err, ledger.ErrBusy) || !errors.Is(err, ledger.ErrFenced) || d.built != 4 {
		t.Errorf("%v, built %d times; expected ErrBusy by ErrFenced after 4", err, d.built)
	}
	ctx, cancel := context.WithCancel(t.Context())
	take := d.taken
	d.taken = func(attempt int) {
		if take(attempt); attempt == 2 {
			cancel()
		}
	}
	if _, err := d.post(ctx, ride(1)); !errors.Is(err, context.Canceled) || d.built != 2 {
		t.Errorf("%v, built %d times; expected the context's error after 2", err, d.built)
	}
	failure := errors.New("it cannot be built")
	if _, err := d.PostOnce(t.Context(), "desk", "test", 0, func(*ledger.Batch) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("%v, expected what build said", err)
	}
	d.stands(0, 0)
}

// TestPostOnceNextDay ends the day between the lease and the post: it is booked in the next one.
func TestPostOnceNextDay(t *testing.T) {
	d := &desk{books: newBooks(t, ledger.WithBackoff(time.Millisecond, 2*time.Millisecond))}
	next := today.Add(1)
	d.taken = func(attempt int) {
		if attempt == 1 {
			d.must(d.CloseDay(context.Background(), today, next))
		}
	}
	if _, err := d.post(t.Context(), ride(1)); err != nil || d.built != 2 {
		t.Errorf("%v, built %d times", err, d.built)
	}
	if lease, err := d.Stream(t.Context(), "desk"); err != nil || lease.Day != next {
		t.Errorf("the stream is %+v, %v; expected day %d", lease, err, next)
	}
	d.stands(60, 1)
}

// TestPostOnceRehearsed rehearses while the owner posts, whom a rehearsal does not fence. It begins
// once more, and ends as it would then.
func TestPostOnceRehearsed(t *testing.T) {
	d := &desk{books: newBooks(t)}
	lease, err := d.Lease(t.Context(), "desk", "test", 0)
	d.must(err)
	rehearsal, built := ledger.New(d.Pool(), d.Dialect(), ledger.WithRehearsal(), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)), 0
	out, err := rehearsal.PostOnce(t.Context(), "desk", "test", 0, func(b *ledger.Batch) error {
		if built++; built == 1 {
			own := &ledger.Batch{Stream: "desk", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Transfers: []ledger.Transfer{ride(1)}}
			if _, err := d.Post(t.Context(), own); err != nil {
				return err
			}
		}
		b.Transfers = []ledger.Transfer{ride(1)}
		return nil
	})
	if err != nil || out.Transfers[0].Result != ledger.Duplicate || built != 2 {
		t.Errorf("%+v, %v, built %d times; expected a duplicate at the second", out, err, built)
	}
	d.stands(60, 1)
}

// TestPostOnceCommitCut breaks the connection during COMMIT, with the batch stored and not stored:
// it is booked once, and the answer says so.
func TestPostOnceCommitCut(t *testing.T) {
	for name, cut := range map[string]cut{"not stored": unsent, "stored": answered} {
		t.Run(name, func(t *testing.T) {
			p, through := newProxy(t, ledgertest.New(t))
			d := &desk{books: openBooks(t, ledgertest.Connect(t, through, 4))}
			d.taken = func(int) { p.arm(cut) }
			out, err := d.post(t.Context(), ride(1))
			if err != nil || out.Transfers[0].Result != ledger.Inserted || p.count() != 1 {
				t.Errorf("%+v, %v after %d cuts; expected it to be booked after 1", out, err, p.count())
			}
			d.stands(60, 1)
		})
	}
}
