package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/cardos/keys"
	"citycard/clearing/docket"
	"citycard/ledger"
)

// partition is one stream on its way through: a queue that poll fills and one
// goroutine that empties it, batch by batch.
type partition struct {
	in     *Intake
	client *kgo.Client
	rules  Rules
	topic  string
	number int32
	stream string
	shard  int
	claim  ledger.Claim
	recent *ledger.Recent
	// explained is the offset up to which gaps were looked into.
	explained int64

	position atomic.Int64 // claim.Next, for others to read
	end      atomic.Int64 // the partition's end, as last fetched
	sequence atomic.Int64 // of the last batch

	arrived chan struct{} // has one token while the queue is not empty

	mu     sync.Mutex
	queue  []*kgo.Record
	bytes  int
	paused bool
	fault  error // why it makes no progress, nil while it does
}

func newPartition(in *Intake, client *kgo.Client, topic string, number int32, shard int, claim ledger.Claim) *partition {
	p := &partition{
		in: in, client: client, rules: in.rules[topic](), topic: topic, number: number, stream: StreamName(topic, number),
		shard: shard, claim: claim, arrived: make(chan struct{}, 1),
	}
	p.position.Store(claim.Next)
	return p
}

// recentKeys is how many keys an owner remembers, from its first batch on. A repeat
// further back is still found, by the table's key, at the price of one slow batch.
const recentKeys = 1 << 18

// queuedBytes is what a fetched record takes up, the client's own fields included.
func queuedBytes(r *kgo.Record) int { return len(r.Key) + len(r.Value) + recordBytes }

const recordBytes = 256

// offer queues fetched records; above the byte budget fetching pauses until the
// queue has been emptied.
func (p *partition) offer(records []*kgo.Record, end int64) {
	p.end.Store(end)
	p.mu.Lock()
	p.queue = append(p.queue, records...)
	for _, r := range records {
		p.bytes += queuedBytes(r)
	}
	if p.bytes > p.in.settings.QueueBytes && !p.paused {
		p.paused = true
		p.client.PauseFetchPartitions(map[string][]int32{p.topic: {p.number}})
	}
	oldest := p.queue[0].Timestamp
	p.mu.Unlock()
	p.in.metrics.lag(p.stream, end-p.position.Load(), oldest)
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}

// oldest is when the first record of the queue was appended, zero where the
// queue is empty.
func (p *partition) oldest() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return time.Time{}
	}
	return p.queue[0].Timestamp
}

// take removes up to the batch's limit of records from the queue.
func (p *partition) take() (records []*kgo.Record, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := min(len(p.queue), p.in.settings.BatchRecords)
	records = p.queue[:n:n]
	p.queue = p.queue[n:]
	for _, r := range records {
		p.bytes -= queuedBytes(r)
	}
	if p.paused && p.bytes < p.in.settings.QueueBytes/2 {
		p.paused = false
		p.client.ResumeFetchPartitions(map[string][]int32{p.topic: {p.number}})
	}
	return records, n == p.in.settings.BatchRecords
}

func (p *partition) queued() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

func (p *partition) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.arrived:
		}
		if p.queued() < p.in.settings.BatchRecords {
			timer.Reset(p.in.settings.BatchWait)
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-timer.C:
			}
		}
		for {
			records, full := p.take()
			if len(records) == 0 {
				break
			}
			if err := p.commit(ctx, records); err != nil {
				return err
			}
			if !full {
				break
			}
		}
		if p.queued() > 0 {
			select {
			case p.arrived <- struct{}{}:
			default:
			}
		}
	}
}

// commit takes one batch through, and tries again for as long as the database is
// away. It returns only errors after which the stream must not be consumed.
func (p *partition) commit(ctx context.Context, fetched []*kgo.Record) error {
	records := make([]docket.Record, 0, len(fetched))
	for _, r := range fetched {
		// A transaction's marker takes up an offset and says nothing.
		if !r.Attrs.IsControl() {
			records = append(records, docket.Record{Offset: r.Offset, At: r.Timestamp, Key: r.Key, Value: r.Value})
		}
	}
	next := fetched[len(fetched)-1].Offset + 1
	wait := 50 * time.Millisecond
	for {
		err := p.contiguous(ctx, fetched)
		if err == nil {
			err = p.post(ctx, records, next)
		}
		switch {
		case err == nil:
			p.note(nil)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ledger.ErrDayMoved), errors.Is(err, ledger.ErrDaySealed):
			if err := p.followDay(err); err != nil {
				return err
			}
			continue
		case len(fetched) > 1 && (errors.Is(err, errAlone) || tooLarge(err)):
			return p.commitEach(ctx, fetched)
		case errors.Is(err, ledger.ErrOutcomeUnknown):
			done, err := p.findOut(ctx, next)
			if err != nil || done {
				return err
			}
			continue
		case !waits(err):
			return fmt.Errorf("intake: %s: %w", p.stream, err)
		}
		p.note(err)
		p.in.metrics.abandoned.WithLabelValues(p.topic).Inc()
		p.in.log.Warn("batch not committed, trying again", "stream", p.stream, "records", len(records), "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// tooLarge reports a batch with more rows than the ledger takes at once.
func tooLarge(err error) bool {
	var batch *ledger.BatchError
	return errors.As(err, &batch)
}

// commitEach commits the records one by one.
func (p *partition) commitEach(ctx context.Context, fetched []*kgo.Record) error {
	for i := range fetched {
		if err := p.commit(ctx, fetched[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}

// findOut settles a commit whose outcome nobody could tell: the stream is
// claimed again, and stands either before the batch or behind it.
func (p *partition) findOut(ctx context.Context, next int64) (committed bool, err error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		claim, err := p.in.ledger.Claim(ctx, p.stream, p.in.settings.Owner, p.claim.Day)
		if err == nil {
			committed = claim.Next == next
			if !committed && claim.Next != p.claim.Next {
				return false, fmt.Errorf("intake: %s stands at %d, want %d or %d: it has another owner", p.stream, claim.Next, p.claim.Next, next)
			}
			p.claim = claim
			p.advance(claim.Next)
			p.note(nil)
			return committed, nil
		}
		p.note(err)
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// followDay takes the stream's new clearing day: the day was closed while the
// batch was under way, so all of it is booked in the next.
func (p *partition) followDay(err error) error {
	var moved *ledger.StreamError
	if !errors.As(err, &moved) {
		return fmt.Errorf("intake: %s: %w", p.stream, err)
	}
	if moved.Current.Day == p.claim.Day {
		return fmt.Errorf("intake: %s: %w", p.stream, err)
	}
	p.claim.Day = moved.Current.Day
	p.in.log.Info("clearing day moved", "stream", p.stream, "day", p.claim.Day)
	return nil
}

// waits tells errors that pass by themselves from those that do not.
func waits(err error) bool {
	var refused *docket.RefusedError
	return errors.As(err, &refused) || errors.Is(err, ledger.ErrUnavailable) || errors.Is(err, errBroker) || errors.Is(err, errMoved) || errors.Is(err, keys.ErrOutdated)
}

// chainsRefused says that the ledger refused chains of the batch, so that it must be
// judged again with them as rejects.
type chainsRefused struct{ chains docket.Refused }

func (e *chainsRefused) Error() string {
	return fmt.Sprintf("the ledger refused %d chains", len(e.chains))
}

// post judges the records and commits them: once, or again with what the ledger
// refused as rejects, so that it is in the books as well. Each time more is refused,
// so it comes to an end.
func (p *partition) post(ctx context.Context, records []docket.Record, next int64) error {
	refused := docket.Refused{}
	for {
		err := p.attempt(ctx, records, next, refused)
		var more *chainsRefused
		if !errors.As(err, &more) {
			return err
		}
		maps.Copy(refused, more.chains)
	}
}

// attempt judges the records and commits them, if the ledger refuses nothing new.
func (p *partition) attempt(ctx context.Context, records []docket.Record, next int64, refused docket.Refused) error {
	started := p.in.metrics.clock()
	if p.recent == nil {
		p.recent = ledger.NewRecent(recentKeys)
	}
	d := docket.New(docket.Source{Stream: p.stream, Day: p.claim.Day}, len(records))
	batch := &ledger.Batch{
		Stream: p.stream, Epoch: p.claim.Epoch, From: p.claim.Next, Next: next, Day: p.claim.Day,
		Shard: p.shard, Recent: p.recent,
	}
	if p.rules.Follows != "" {
		if err := p.in.awaitTopic(ctx, p.client, p.rules.Follows); err != nil {
			return err
		}
	}
	if p.rules.Within != nil {
		batch.Prepare = func(ctx context.Context, tx pgx.Tx) error {
			d.Reset()
			if err := p.rules.Within(ctx, tx, records, d); err != nil {
				return err
			}
			d.Refuse(refused)
			batch.Transfers, batch.Memos = d.Transfers, d.Memos
			return nil
		}
	} else {
		if err := p.rules.Rule(ctx, records, d); err != nil {
			return err
		}
		d.Refuse(refused)
		batch.Transfers, batch.Memos = d.Transfers, d.Memos
	}
	judged := p.in.metrics.clock()
	batch.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
		return p.finish(ctx, tx, d, out)
	}
	out, err := p.in.ledger.Post(ctx, batch)
	if err != nil {
		return err
	}
	p.advance(next)
	p.sequence.Store(out.Sequence)
	p.in.metrics.lag(p.stream, p.end.Load()-next, p.oldest())
	p.in.metrics.batch(p.topic, p.stream, next, len(records), d, judged.Sub(started), p.in.metrics.clock().Sub(judged))
	return nil
}

// advance notes a committed position.
func (p *partition) advance(next int64) {
	p.claim.Next = next
	p.position.Store(next)
	p.in.progress.signal()
}

// finish settles the rulings and stores what goes out with them.
func (p *partition) finish(ctx context.Context, tx pgx.Tx, d *docket.Docket, out *ledger.Outcome) ([]byte, error) {
	rulings, err := d.Settle(out, p.rules.Refused)
	if err != nil {
		return nil, err
	}
	if refused := d.Refused(rulings); len(refused) > 0 {
		return nil, &chainsRefused{refused}
	}
	outgoing, err := rejectMessages(d, out)
	if err != nil {
		return nil, err
	}
	if p.rules.Still != nil {
		if err := p.rules.Still(ctx, tx, d); err != nil {
			return nil, err
		}
	}
	if p.rules.Answer != nil {
		answers, err := p.rules.Answer(ctx, tx, rulings)
		if err != nil {
			return nil, err
		}
		outgoing = append(outgoing, answers...)
	}
	if p.rules.Describe != nil {
		cleared, err := clearedMessage(d, rulings, p.rules.Describe)
		if err != nil {
			return nil, err
		}
		outgoing = append(outgoing, cleared...)
	}
	if err := store(ctx, tx, p.stream, out.Sequence, outgoing); err != nil {
		return nil, err
	}
	return d.EncodeNote(p.rules.Versions())
}

func (p *partition) note(err error) {
	p.mu.Lock()
	p.fault = err
	p.mu.Unlock()
}

func (p *partition) health() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault != nil {
		return fmt.Errorf("%s makes no progress: %w", p.stream, p.fault)
	}
	return nil
}
