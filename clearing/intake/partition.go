package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/docket"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// partition is one stream on its way through.
//
// Goroutines: only the session's poll loop offers records, and it never waits for a batch. Each
// partition has one goroutine (run), which takes the records, judges and commits batch after batch,
// and waits while database or broker are away. So a stream has one batch under way at any time, and
// partitions do not wait for each other. Readiness, metrics and lag run in other goroutines; they
// read only fields that mu or an atomic covers. The pump sends committed messages by itself.
type partition struct {
	// Set once.
	in     *Intake
	client *kgo.Client
	topic  string
	kind   topic
	number int32
	stream string
	shard  int
	rules  Rules
	ends   func() int64 // the partition's end, as the broker last told it

	// Of run's goroutine alone.
	lease  ledger.Lease // the stream as this process has it: epoch, day, next position
	recent *ledger.Recent
	// explained is the offset up to which gaps were checked.
	explained int64
	patience  patience
	// most is how many records a batch may have after the database did not answer larger ones; 0:
	// as many as the settings say.
	most int

	// Written by run, read by anybody.
	position atomic.Int64 // lease.Next
	sequence atomic.Int64 // of the last batch

	arrived chan struct{} // has one token while the queue is not empty

	// Shared by poll, run, readiness and metrics; mu covers them.
	mu     sync.Mutex
	queue  []*kgo.Record
	bytes  int
	paused bool
	fault  error // why it makes no progress, nil while it does
	stands error // why nothing behind what was fetched can be read
	lag    lag
	// underway is when the first record of the batch that is being committed was appended.
	underway time.Time
}

func newPartition(in *Intake, client *kgo.Client, name string, number int32, shard int, lease ledger.Lease, ends func() int64) *partition {
	p := &partition{
		ends: ends, in: in, client: client, rules: in.rules[name](), topic: name, kind: topicOf(name), number: number, stream: StreamName(name, number),
		shard: shard, lease: lease, arrived: make(chan struct{}, 1), patience: patience{most: in.settings.Patience},
	}
	p.position.Store(lease.Next)
	p.measure()
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
	p.mu.Lock()
	p.lag.end = max(p.lag.end, end)
	p.queue = append(p.queue, records...)
	for _, r := range records {
		p.bytes += queuedBytes(r)
	}
	if p.bytes > p.in.settings.QueueBytes && !p.paused {
		p.paused = true
		p.client.PauseFetchPartitions(map[string][]int32{p.topic: {p.number}})
	}
	p.mu.Unlock()
	select {
	case p.arrived <- struct{}{}:
	default:
	}
}

// take removes up to the batch's limit of records from the queue; they are under way until the next
// are taken.
func (p *partition) take() (records []*kgo.Record, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := p.limit()
	n := min(len(p.queue), most)
	records = p.queue[:n:n]
	p.queue, p.underway = p.queue[n:], time.Time{}
	if n > 0 {
		p.underway = records[0].Timestamp
	}
	for _, r := range records {
		p.bytes -= queuedBytes(r)
	}
	if p.paused && p.bytes < p.in.settings.QueueBytes/2 {
		p.paused = false
		p.client.ResumeFetchPartitions(map[string][]int32{p.topic: {p.number}})
	}
	return records, n == most
}

// landed says that no batch is under way.
func (p *partition) landed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.underway = time.Time{}
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
		p.landed()
		if p.queued() > 0 {
			select {
			case p.arrived <- struct{}{}:
			default:
			}
		}
	}
}

// Pauses between attempts at a batch, and how many attempts a record gets before it is kept alone.
// It gets several, because two streams may have collided at one row.
const (
	firstWait   = 50 * time.Millisecond
	longestWait = 5 * time.Second
	shortWait   = 5 * time.Millisecond // for a fault that will not pass
	tries       = 3
)

// commit commits one batch, whatever its records are. A batch that fails because of one record is
// cut in two, and a record that fails alone is kept alone. It returns only errors after which the
// stream must not be consumed.
func (p *partition) commit(ctx context.Context, fetched []*kgo.Record) error {
	records := make([]docket.Record, 0, len(fetched))
	for _, r := range fetched {
		// A transaction's marker has an offset and no content.
		if !r.Attrs.IsControl() {
			records = append(records, docket.Record{Offset: r.Offset, At: r.Timestamp, Key: r.Key, Value: r.Value})
		}
	}
	next := fetched[len(fetched)-1].Offset + 1
	rules := p.rules
	for wait, failures, silent := firstWait, 0, 0; ; {
		err := p.contiguous(ctx, fetched)
		if err == nil {
			err = p.post(ctx, rules, records, next)
		}
		switch {
		case err == nil:
			p.report(nil)
			p.grow()
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ledger.ErrDayMoved), errors.Is(err, ledger.ErrDaySealed):
			if err := p.followDay(err); err != nil {
				return err
			}
			continue
		case errors.Is(err, ledger.ErrOutcomeUnknown):
			done, err := p.findOut(ctx, next)
			if err != nil || done {
				return err
			}
			if silent++; silent >= tries && len(fetched) > 1 {
				return p.commitSmaller(ctx, fetched)
			}
			continue
		}
		of := faultOf(err)
		silent = p.silence(ctx, err, silent)
		if of == doubtful && p.patience.now(p.in.metrics.clock()) <= 0 {
			of = own
		}
		switch {
		case of == lost:
			return fmt.Errorf("intake: %s: %w", p.stream, err)
		case of == own && len(fetched) > 1:
			return p.commitHalves(ctx, fetched)
		case silent >= tries && len(fetched) > 1:
			return p.commitSmaller(ctx, fetched)
		case of == own && failures >= tries-1 && len(records) == 1, silent >= tries && tooMuch(records):
			p.in.log.Error("a record cannot be booked and is kept alone", "stream", p.stream, "offset", records[0].Offset, "error", err)
			rules = p.keepAlone(err)
		}
		if of == own && failures < tries {
			failures, wait = failures+1, shortWait
		}
		p.report(err)
		p.in.metrics.abandoned.WithLabelValues(p.topic).Inc()
		p.in.log.Warn("batch not committed, trying again", "stream", p.stream, "records", len(records), "error", err)
		if err := p.pause(ctx, of, wait); err != nil {
			return err
		}
		wait = min(2*wait, longestWait)
	}
}

// pause waits between two attempts; for a doubtful fault no longer than there is patience.
func (p *partition) pause(ctx context.Context, of fault, wait time.Duration) error {
	if of == doubtful {
		wait = min(wait, p.patience.left)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
	}
	if of == doubtful {
		p.patience.spend(p.in.metrics.clock())
	}
	return nil
}

// keepAlone returns rules that keep a record in quarantine with the error that it caused.
func (p *partition) keepAlone(cause error) Rules {
	reason := verdict.Unbookable
	if refused := (*docket.RefusedError)(nil); errors.As(cause, &refused) {
		reason = verdict.AccountAway
	}
	return Rules{
		Rule: func(_ context.Context, records []docket.Record, d *docket.Docket) (Judged, error) {
			for _, record := range records {
				d.Quarantine(reason, p.topic, record, cause)
			}
			return Judged{}, nil
		},
	}
}

// commitHalves commits a batch in two parts, which may be cut again.
func (p *partition) commitHalves(ctx context.Context, fetched []*kgo.Record) error {
	half := len(fetched) / 2
	if err := p.commit(ctx, fetched[:half]); err != nil {
		return err
	}
	return p.commit(ctx, fetched[half:])
}

// findOut resolves a commit whose outcome is unknown: it leases the stream again, whose position is
// then either before the batch or after it.
func (p *partition) findOut(ctx context.Context, next int64) (committed bool, err error) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		lease, err := p.in.ledger.Lease(ctx, p.stream, p.in.settings.Owner, p.lease.Day)
		if err == nil {
			committed = lease.Next == next
			if !committed && lease.Next != p.lease.Next {
				return false, fmt.Errorf("intake: %s: %w: at %d, want %d or %d", p.stream, ledger.ErrPosition, lease.Next, p.lease.Next, next)
			}
			p.lease = lease
			p.advance(lease.Next)
			p.report(nil)
			return committed, nil
		}
		p.report(err)
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
	if moved.Current.Day == p.lease.Day {
		return fmt.Errorf("intake: %s: %w", p.stream, err)
	}
	p.lease.Day = moved.Current.Day
	p.in.log.Info("clearing day moved", "stream", p.stream, "day", p.lease.Day)
	return nil
}

// refusals says that the ledger refused part of the batch. The batch must be judged again, with
// that part as rejects or kept alone.
type refusals struct{ refused docket.Replacements }

func (e *refusals) Error() string {
	return fmt.Sprintf("the ledger refused %d items", len(e.refused))
}

// post judges the records and commits them. If the ledger refuses some, it judges again with those
// as rejects, so that they are in the books as well. Each time more records are refused, so the
// loop ends.
func (p *partition) post(ctx context.Context, rules Rules, records []docket.Record, next int64) error {
	refused := docket.Replacements{}
	for {
		err := p.attempt(ctx, rules, records, next, refused)
		var more *refusals
		if !errors.As(err, &more) {
			return err
		}
		refused.Add(more.refused)
	}
}

// attempt judges the records and commits them, if the ledger refuses nothing new.
func (p *partition) attempt(ctx context.Context, rules Rules, records []docket.Record, next int64, refused docket.Replacements) error {
	started := p.in.metrics.clock()
	if p.recent == nil {
		p.recent = ledger.NewRecent(recentKeys)
	}
	d := docket.New(docket.Source{Stream: p.stream, Day: p.lease.Day}, len(records))
	batch := &ledger.Batch{
		Stream: p.stream, Epoch: p.lease.Epoch, From: p.lease.Next, Next: next, Day: p.lease.Day,
		Shard: p.shard, Recent: p.recent, Same: p.kind.same,
	}
	if p.kind.follows != "" {
		if err := p.in.awaitTopic(ctx, p.client, p.kind.follows); err != nil {
			return err
		}
	}
	judged, err := rules.judge(ctx, records, d, batch, refused)
	if err != nil {
		return err
	}
	// If the process is killed before this point, nothing has changed: the position is the same,
	// and the records come again.
	decided := p.in.metrics.clock()
	batch.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) (note []byte, err error) {
		err = caught(func() error {
			note, err = p.finish(ctx, tx, rules, records, d, judged, out)
			return err
		})
		return note, err
	}
	// Rows, position, link and messages are committed together, or not at all. If the answer to
	// COMMIT is lost, the ledger finds out which; ErrOutcomeUnknown says that it could not.
	out, err := p.in.ledger.Post(ctx, batch)
	if err != nil {
		return err
	}
	// If the process is killed after this point, the batch is booked and does not come again. The
	// rest only updates memory, which a new owner reads from the stream's row. The pump sends the
	// messages.
	p.advance(next)
	p.sequence.Store(out.Sequence)
	p.in.metrics.batch(p.topic, p.stream, next, len(records), d, decided.Sub(started), p.in.metrics.clock().Sub(decided))
	return nil
}

// advance notes a committed position.
func (p *partition) advance(next int64) {
	p.lease.Next = next
	p.position.Store(next)
	p.in.progress.signal()
}

// finish settles the rulings and stores what goes out with them.
func (p *partition) finish(ctx context.Context, tx pgx.Tx, rules Rules, records []docket.Record, d *docket.Docket, judged Judged, out *ledger.Outcome) ([]byte, error) {
	rulings, err := d.Settle(out, p.kind.short)
	if stuck := (*docket.RefusedError)(nil); errors.As(err, &stuck) {
		return nil, p.stuck(d, records, stuck)
	}
	if err != nil {
		return nil, err
	}
	if refused := d.Replacements(rulings); len(refused) > 0 {
		return nil, &refusals{refused}
	}
	return rules.publish(ctx, tx, p.stream, d, judged, rulings, out)
}

// stuck decides what to do with postings that the ledger refused because of an account. While
// waiting may help and there is patience, the batch waits. Then these records are kept alone, and
// all others are booked.
func (p *partition) stuck(d *docket.Docket, records []docket.Record, err *docket.RefusedError) error {
	patient := p.patience.now(p.in.metrics.clock()) > 0
	places := placesOf(records)
	refused := docket.Replacements{}
	for _, s := range err.Stuck {
		if s.Passes() && patient {
			continue
		}
		record, found := places.of(d.Evidence(&d.Rulings[s.Ruling]))
		if !found || !d.KeepAlone(refused, s.Ruling, verdict.AccountAway, record, s.Err) {
			return docket.ErrApart
		}
		p.in.log.Error("a record is kept alone for an account's sake", "stream", p.stream, "offset", record.Offset, "error", s.Err)
	}
	if len(refused) == 0 {
		return err
	}
	return &refusals{refused}
}

// places finds a record by its bytes. A line of a record is found only if the batch has one record.
type places struct {
	records []docket.Record
	byValue map[string]int
}

func placesOf(records []docket.Record) places {
	found := places{records, make(map[string]int, len(records))}
	for i, r := range records {
		found.byValue[string(r.Value)] = i
	}
	return found
}

func (f places) of(evidence []byte) (docket.Record, bool) {
	i, found := f.byValue[string(evidence)]
	if !found && len(f.records) == 1 {
		i, found = 0, true
	}
	if !found {
		return docket.Record{}, false
	}
	return f.records[i], true
}

// report sets why there is no progress; nil means that there is progress.
func (p *partition) report(err error) {
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
	if p.stands != nil {
		return fmt.Errorf("%s stands: %w", p.stream, p.stands)
	}
	return nil
}
