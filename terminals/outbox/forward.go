package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sendBytes is roughly the number of bytes in flight before the position moves on.
const sendBytes = 1 << 20

// ProducerOptions are the options a client must have to forward an outbox: acknowledged by all
// in-sync replicas, idempotent (the client's default), and no time limit on a record, since a
// broker may be away for days. Add the options that the brokers require (TLS, a user).
func ProducerOptions(brokers ...string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchMaxBytes(maxValue + 64<<10),
		kgo.MaxBufferedRecords(50_000),
	}
}

// Forward sends records until ctx ends, and returns its error then. The client may still hold some
// of them: unless it is closed before the next Forward, they are sent twice, in their order. While
// the broker is away it waits; the client retries with its own back-off. It returns
// early with what the broker said when a record can never be taken (no such
// topic, no right to write, too large) and its topic is none of the lesser ones, when a record on
// the disk is damaged, and when it already runs.
func (l *Log) Forward(ctx context.Context, client *kgo.Client, topics ...Lesser) error {
	l.mu.Lock()
	if l.sending {
		l.mu.Unlock()
		return errForwarding
	}
	l.sending = true
	position := l.position
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.sending = false
		l.mu.Unlock()
	}()
	c, err := l.cursorAt(position)
	if err != nil {
		return err
	}
	side := &lesser{topics: topics, pause: l.refusedPause}
	defer side.stop()
	for {
		if err := l.forwardSome(ctx, client, c, side); err != nil {
			return errors.Join(err, c.close())
		}
	}
}

// forwardSome waits for records, sends some and moves the position. Held records are put behind the
// others before the position passes them; as long as there are no others, it stays before them.
func (l *Log) forwardSome(ctx context.Context, client *kgo.Client, c *cursor, side *lesser) error {
	durable, again, err := l.waitOr(ctx, side.fired, func(s Status) bool { return s.Next > c.seq })
	if err != nil {
		return err
	}
	var records []Record
	if again {
		records = side.reopen()
	} else {
		if records, err = c.records(durable.Next, sendBytes); err != nil {
			return err
		}
		records = side.split(records)
	}
	answers, err := send(ctx, client, records)
	if err != nil {
		return err
	}
	before := len(side.held)
	if err := side.refuse(records, answers); err != nil {
		return err
	}
	if len(records) == len(side.held)-before && len(side.held) > 0 {
		return nil // nothing went, so nothing is to be passed
	}
	for _, r := range side.held {
		if err := l.Append(r); err != nil {
			return err
		}
	}
	side.held = nil
	return l.acknowledge(c.seq)
}

// send returns when every record is answered, with the answers. It does not wait for the
// client when ctx ends: a record in flight to a broker that went away has no
// answer until the client is closed.
func send(ctx context.Context, client *kgo.Client, records []Record) ([]error, error) {
	type answer struct {
		record int
		err    error
	}
	came := make(chan answer, len(records))
	for i, r := range records {
		client.Produce(ctx, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}, func(_ *kgo.Record, err error) {
			came <- answer{i, err}
		})
	}
	answers := make([]error, len(records))
	for range records {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case a := <-came:
			answers[a.record] = a.err
		}
	}
	return answers, nil
}

// acknowledge saves the position and removes the segments below it.
func (l *Log) acknowledge(position uint64) error {
	if err := l.positions.save(l.disk, position); err != nil {
		return err
	}
	l.mu.Lock()
	l.position = position
	var done []segment
	for len(l.segments) > 1 && l.segments[1].first <= position {
		done = append(done, l.segments[0])
		l.segments = l.segments[1:]
	}
	l.notify()
	l.mu.Unlock()
	for _, s := range done {
		if err := l.disk.remove(s.path); err != nil {
			return fmt.Errorf("outbox: remove a segment that was sent: %w", err)
		}
	}
	return nil
}

// Drain returns when every record appended so far is acknowledged, or with ctx's error. Another
// goroutine must be running Forward.
func (l *Log) Drain(ctx context.Context) error {
	goal := l.Status().Next
	_, err := l.wait(ctx, func(s Status) bool { return s.Position >= goal })
	return err
}

// wait returns the first status that satisfies enough.
func (l *Log) wait(ctx context.Context, enough func(Status) bool) (Status, error) {
	s, _, err := l.waitOr(ctx, nil, enough)
	return s, err
}

// waitOr is wait that returns early, with true, when a timer fires.
func (l *Log) waitOr(ctx context.Context, fired <-chan time.Time, enough func(Status) bool) (Status, bool, error) {
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if s := l.Status(); enough(s) {
			return s, false, nil
		}
		select {
		case <-ctx.Done():
			return Status{}, false, ctx.Err()
		case <-fired:
			return Status{}, true, nil
		case <-changed:
		}
	}
}
