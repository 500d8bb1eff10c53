package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/language"
)

// Gatherer lets callers that post one chain at a time (a desk, a counter) share commits. While one
// commit is under way, the next batch gathers; so the busier the gatherer is, the more callers
// share a commit. A caller waits at most the linger for others to join.
//
// It owns one stream and uses one position for each chain. When the stream moves to another day, it
// goes on there. When another owner leases the stream, it stops and every further call fails with
// ErrFenced.
type Gatherer struct {
	ledger *Ledger
	stream string
	owner  string
	shard  int
	linger time.Duration
	keep   Keep
	lease  Lease
	epoch  atomic.Int64 // the lease's, for others to read; 0 while it is not known
	recent *Recent

	calls chan *call
	stop  chan struct{}
	done  chan struct{}
	// failed is why the gatherer stopped; it is read after done is closed.
	failed error
}

// call is one caller's chain and where its answer goes.
type call struct {
	chain  []Transfer
	answer chan answer
}

type answer struct {
	decisions []Decision
	err       error
}

// Keep stores, in the transaction of a gatherer's batch, what follows from transfers in it, which
// are booked on a day. Its note is the batch's (Batch.Finish).
type Keep func(ctx context.Context, tx pgx.Tx, booked Day, transfers []Transfer, decisions []Decision) (note []byte, err error)

// The gatherer's limits.
const (
	gatheredRows  = 8192 // transfers of one shared commit
	gatheredCalls = 1024 // callers waiting
)

// ErrStopped means that the gatherer was closed before the chain was posted.
var ErrStopped = errors.New("the gatherer is closed")

// NewGatherer leases the stream and starts gathering. linger is how long a batch waits for company:
// 0 posts at once whatever is there; 1 or 2 ms suit a desk. The context bounds only the lease.
// Close must be called.
func (l *Ledger) NewGatherer(ctx context.Context, stream, owner string, shard int, linger time.Duration) (*Gatherer, error) {
	return l.NewKeeper(ctx, stream, owner, shard, linger, nil)
}

// NewKeeper is NewGatherer for chains of which more is kept than the ledger does.
func (l *Ledger) NewKeeper(ctx context.Context, stream, owner string, shard int, linger time.Duration, keep Keep) (*Gatherer, error) {
	lease, err := l.Lease(ctx, stream, owner, 0)
	if err != nil {
		return nil, err
	}
	g := &Gatherer{
		ledger: l, stream: stream, owner: owner, shard: shard, linger: linger, keep: keep, lease: lease, recent: NewRecent(1 << 16),
		calls: make(chan *call, gatheredCalls), stop: make(chan struct{}), done: make(chan struct{}),
	}
	g.epoch.Store(lease.Epoch)
	go g.loop()
	return g, nil
}

// Close waits for the commit under way and stops. Callers still waiting get ErrStopped. It must be
// called once.
func (g *Gatherer) Close() {
	close(g.stop)
	<-g.done
}

// Check asks whether the gatherer could post now: ErrFenced when another owner has leased the
// stream, which one that is idle would not notice by itself.
func (g *Gatherer) Check(ctx context.Context) error {
	select {
	case <-g.done:
		return g.failed
	default:
	}
	held := g.epoch.Load()
	stream, err := g.ledger.Stream(ctx, g.stream)
	switch {
	case err != nil:
		return err
	case held == 0:
		return fmt.Errorf("stream %q: %w", g.stream, ErrOutcomeUnknown)
	case stream.Epoch != held && g.epoch.Load() == held:
		return &StreamError{Err: ErrFenced, Current: stream, Epoch: held, From: stream.Next, Day: stream.Day}
	}
	return nil
}

// Post posts a chain: all of its transfers succeed or fail together, whatever their Linked says. It
// returns one decision for each. After an error other than ErrOutcomeUnknown and the context's,
// nothing was posted; posting the chain again is always safe.
func (g *Gatherer) Post(ctx context.Context, chain []Transfer) ([]Decision, error) {
	if len(chain) == 0 || len(chain) > gatheredRows {
		return nil, &BatchError{Stream: g.stream, What: language.Textf("a chain of %d transfers, expected 1 to %d", len(chain), gatheredRows)}
	}
	c := &call{chain: chain, answer: make(chan answer, 1)}
	select {
	case g.calls <- c:
	case <-g.done:
		return nil, g.failed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case a := <-c.answer:
		return a.decisions, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-g.done:
		// The loop may have answered in the same instant.
		select {
		case a := <-c.answer:
			return a.decisions, a.err
		default:
			return nil, g.failed
		}
	}
}

func (g *Gatherer) loop() {
	defer close(g.done)
	g.failed = ErrStopped
	var left *call // did not fit the last batch
	for {
		if left == nil {
			select {
			case left = <-g.calls:
			case <-g.stop:
				return
			}
		}
		var calls []*call
		calls, left = g.gather(left)
		decisions, err := g.commit(calls)
		for i, c := range calls {
			if err != nil {
				c.answer <- answer{err: err}
				continue
			}
			c.answer <- answer{decisions: decisions[i]}
		}
		if errors.Is(err, ErrFenced) {
			g.failed = err
			return
		}
		select {
		case <-g.stop:
			return
		default:
		}
	}
}

// gather collects calls until none is waiting and the linger is over, or until the batch is full.
// It returns the call that did not fit.
func (g *Gatherer) gather(first *call) (calls []*call, left *call) {
	calls = []*call{first}
	rows := len(first.chain)
	timer := time.NewTimer(g.linger)
	defer timer.Stop()
	for {
		var c *call
		select {
		case c = <-g.calls:
		default:
			select {
			case c = <-g.calls:
			case <-timer.C:
				return calls, nil
			case <-g.stop:
				return calls, nil
			}
		}
		if rows+len(c.chain) > gatheredRows {
			return calls, c
		}
		rows += len(c.chain)
		calls = append(calls, c)
	}
}

// commit posts the gathered chains as one batch. The batch belongs to many callers, so no caller's
// context bounds it; it has a context of its own. If that ends before COMMIT, nothing was posted.
// If it ends during COMMIT, the outcome is found out as after any lost connection.
func (g *Gatherer) commit(calls []*call) ([][]Decision, error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.ledger.answers.patience(committing))
	defer cancel()
	decisions, err := g.post(ctx, calls)
	if err != nil && ctx.Err() != nil && !errors.Is(err, ErrOutcomeUnknown) {
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return decisions, err
}

func (g *Gatherer) post(ctx context.Context, calls []*call) ([][]Decision, error) {
	if g.lease.Epoch == 0 {
		if err := g.renew(ctx); err != nil {
			return nil, err
		}
	}
	var transfers []Transfer
	for _, c := range calls {
		for i, t := range c.chain {
			t.Linked = i < len(c.chain)-1
			transfers = append(transfers, t)
		}
	}
	batch := &Batch{
		Stream: g.stream, Epoch: g.lease.Epoch, From: g.lease.Next, Next: g.lease.Next + int64(len(calls)), Day: g.lease.Day,
		Shard: g.shard, Transfers: transfers, Recent: g.recent,
	}
	if g.keep != nil {
		batch.Finish = func(ctx context.Context, tx pgx.Tx, out *Outcome) ([]byte, error) {
			return g.keep(ctx, tx, batch.Day, transfers, out.Transfers)
		}
	}
	out, err := g.ledger.Post(ctx, batch)
	var moved *StreamError
	for errors.As(err, &moved) && (errors.Is(err, ErrDayMoved) || errors.Is(err, ErrDaySealed)) && moved.Current.Day != batch.Day {
		batch.Day = moved.Current.Day
		out, err = g.ledger.Post(ctx, batch)
	}
	if errors.Is(err, ErrOutcomeUnknown) {
		// The stream's position must be read again before the next batch.
		g.lease.Epoch = 0
		g.epoch.Store(0)
	}
	if err != nil {
		return nil, err
	}
	g.lease.Next, g.lease.Day = batch.Next, batch.Day
	return split(calls, out.Transfers), nil
}

// renew takes the stream up again after an outcome that stayed unknown.
func (g *Gatherer) renew(ctx context.Context) error {
	lease, err := g.ledger.Lease(ctx, g.stream, g.owner, 0)
	if err == nil {
		g.lease = lease
		g.epoch.Store(lease.Epoch)
	}
	return err
}

// split gives each call its own decisions; the indexes in their errors are those within its chain.
func split(calls []*call, all []Decision) [][]Decision {
	decisions := make([][]Decision, len(calls))
	first := 0
	for n, c := range calls {
		own := all[first : first+len(c.chain) : first+len(c.chain)]
		for i := range own {
			var refused *TransferError
			if errors.As(own[i].Err, &refused) {
				refused.Index -= first
			}
		}
		decisions[n] = own
		first += len(c.chain)
	}
	return decisions
}
