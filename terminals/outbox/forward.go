package outbox

import (
	"context"
	"errors"
	"fmt"

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
// topic, no right to write, too large), when a record on the disk is damaged, and
// when it already runs.
func (l *Log) Forward(ctx context.Context, client *kgo.Client) error {
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
	for {
		if err := l.forwardSome(ctx, client, c); err != nil {
			return errors.Join(err, c.close())
		}
	}
}

// forwardSome waits for records, sends some and moves the position.
func (l *Log) forwardSome(ctx context.Context, client *kgo.Client, c *cursor) error {
	durable, err := l.wait(ctx, func(s Status) bool { return s.Next > c.seq })
	if err != nil {
		return err
	}
	records, err := c.records(durable.Next, sendBytes)
	if err != nil {
		return err
	}
	if err := send(ctx, client, records); err != nil {
		return err
	}
	return l.acknowledge(c.seq)
}

// send returns when every record is acknowledged. It does not wait for the
// client when ctx ends: a record in flight to a broker that went away has no
// answer until the client is closed.
func send(ctx context.Context, client *kgo.Client, records []Record) error {
	answers := make(chan error, len(records))
	for _, r := range records {
		client.Produce(ctx, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value}, func(r *kgo.Record, err error) {
			if err != nil {
				err = &sendError{r.Topic, err}
			}
			answers <- err
		})
	}
	for range records {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-answers:
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// acknowledge saves the position and removes the segments below it.
func (l *Log) acknowledge(position uint64) error {
	if err := savePosition(l.disk, l.dir, position); err != nil {
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
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if s := l.Status(); enough(s) {
			return s, nil
		}
		select {
		case <-ctx.Done():
			return Status{}, ctx.Err()
		case <-changed:
		}
	}
}
