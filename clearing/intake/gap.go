package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/ledger"
)

// gapError says that offsets were passed over that are not accounted for. Records may
// have been lost, so nothing behind them is consumed.
type gapError struct {
	Stream   string
	From, To int64 // missing: From up to, not including, To
	Why      string
}

func (e *gapError) Error() string {
	return fmt.Sprintf("offsets %d to %d of %s are missing: %s; find out what became of these records before going on",
		e.From, e.To-1, e.Stream, e.Why)
}

// contiguous checks that the fetched records follow the position, and each other, without a gap. An
// input topic is never compacted and markers of transactions are delivered, so the only gap there
// may be is what an aborted transaction left: records that the log has and that the committed view
// rightly lacks. Both views of the log are read to see that.
func (p *partition) contiguous(ctx context.Context, fetched []*kgo.Record) error {
	next := p.lease.Next
	for _, r := range fetched {
		if r.Offset < next {
			return fmt.Errorf("%w: delivered offset %d again, position is %d", ledger.ErrPosition, r.Offset, next)
		}
		if r.Offset > next && r.Offset > p.explained {
			if err := p.explain(ctx, next, r.Offset); err != nil {
				return err
			}
			p.explained = r.Offset
		}
		next = r.Offset + 1
	}
	return nil
}

// gapWait bounds one look into the log.
const gapWait = 30 * time.Second

// explain reads the log from one offset to another twice. The log must have every offset, all of
// them in transactions; the committed view may have nothing there but markers.
func (p *partition) explain(ctx context.Context, from, to int64) error {
	ctx, cancel := context.WithTimeout(ctx, gapWait)
	defer cancel()
	next := from
	err := p.look(ctx, kgo.ReadUncommitted(), from, to, func(r *kgo.Record) error {
		switch {
		case r.Offset > next:
			return &gapError{p.stream, next, r.Offset, "the log does not have them"}
		case r.Offset < to && !r.Attrs.IsTransactional():
			return &gapError{p.stream, r.Offset, r.Offset + 1, "it is no part of a transaction, and was not delivered"}
		}
		next = r.Offset + 1
		return nil
	})
	if err != nil {
		return err
	}
	return p.look(ctx, kgo.ReadCommitted(), from, to, func(r *kgo.Record) error {
		if r.Offset < to && !r.Attrs.IsControl() {
			return &gapError{p.stream, r.Offset, r.Offset + 1, "its transaction was committed, and it was not delivered"}
		}
		return nil
	})
}

// look reads the log in one view, from one offset to another, and calls fn for each record. It ends
// with the first record at or behind the second offset. It shows that one too: it was delivered, so
// both views have it.
func (p *partition) look(ctx context.Context, view kgo.IsolationLevel, from, to int64, fn func(*kgo.Record) error) error {
	client, err := p.in.connect(ctx,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.topic: {p.number: kgo.NewOffset().At(from)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.KeepControlRecords(), kgo.FetchIsolationLevel(view))
	if err != nil {
		return fmt.Errorf("%w: look into a gap of %s: %w", errBroker, p.stream, err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			return fmt.Errorf("%w: look into a gap of %s: %w", errBroker, p.stream, e.Err)
		}
		for _, r := range fetches.Records() {
			if err := fn(r); err != nil || r.Offset >= to {
				return err
			}
		}
	}
}
