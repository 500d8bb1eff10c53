package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/ledger"
)

// RegistryStream is the stream name under which the registry is published. The sequence is the
// version, the position the row's number in the version.
const RegistryStream = "registry"

// RegistryProducer is the transactional id under which the registry is published.
// The process that opens it fences the one that had it before.
const RegistryProducer = "citycard-registry"

const publishEvery = time.Second

// publish keeps the topics registry, hotlist and modes up to date, in the process that has the
// first partition of taps. It also lets the pump send the messages of records that another process
// judged again.
func (in *Intake) publish(ctx context.Context, s *session) error {
	ticker := time.NewTicker(publishEvery)
	defer ticker.Stop()
	for {
		if s.owns(StreamName(message.TopicTaps, 0)) {
			// An emergency does not wait behind millions of rows.
			if err := in.publishModes(ctx); err != nil && ctx.Err() == nil {
				in.metrics.pumpFailures.Inc()
				in.log.Warn("the service modes are not published, trying again", "error", err)
			}
			if err := in.publishRegistry(ctx); err != nil && ctx.Err() == nil {
				in.metrics.pumpFailures.Inc()
				in.log.Warn("the registry is not published, trying again", "error", err)
			}
			if err := in.publishHotlist(ctx); err != nil && ctx.Err() == nil {
				in.metrics.pumpFailures.Inc()
				in.log.Warn("the hotlist is not published, trying again", "error", err)
			}
			if err := in.followAgain(ctx); err != nil && ctx.Err() == nil {
				in.log.Warn("it is not known whether records were judged again, trying again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// publishRegistry sends what has changed since the version published last.
//
// The topics are compacted, so the last message of each key counts. A process that was stopped and
// wakes up must not append an old version after a new one, and it cannot. A producer opens its
// transactional id first, which fences all earlier ones, and then reads how far the last one got.
// So if two processes publish at once, the one that opened later sends again whatever may be
// missing, and the earlier one sends nothing more.
func (in *Intake) publishRegistry(ctx context.Context) error {
	store := registry.NewStore(in.ledger.Pool())
	done, latest, err := in.unpublished(ctx, store)
	if err != nil {
		return err
	}
	in.metrics.published.Set(float64(done))
	if done >= latest {
		return nil
	}
	err = in.producing(ctx, func(client *kgo.Client) error {
		if done, latest, err = in.unpublished(ctx, store); err != nil {
			return err
		}
		position := int64(0)
		for _, kind := range registry.Published() {
			err := store.Changed(ctx, kind, done, latest, func(page []registry.Keyed) error {
				return in.sendRegistry(ctx, client, RegistryStream, page, latest, &position)
			})
			if err != nil {
				return fmt.Errorf("publish %s of version %d: %w", kind, latest, err)
			}
		}
		return in.keepPublished(ctx, RegistryStream, latest)
	})
	if err == nil {
		in.metrics.published.Set(float64(latest))
	}
	return err
}

// producing opens the registry's producer for fn. What fn reads then cannot be behind what an
// earlier producer sent.
func (in *Intake) producing(ctx context.Context, fn func(*kgo.Client) error) error {
	client, err := in.connect(ctx, kgo.ClientID("citycard-registry"),
		kgo.TransactionalID(RegistryProducer), kgo.RequiredAcks(kgo.AllISRAcks()))
	if err != nil {
		return err
	}
	defer client.Close()
	// Nothing else ends a call that waits for the broker's answer.
	defer context.AfterFunc(ctx, client.Close)()
	if _, _, err := client.ProducerID(ctx); err != nil {
		return fmt.Errorf("open the registry's producer: %w", err)
	}
	return fn(client)
}

// keepPublished notes how far a stream is published.
func (in *Intake) keepPublished(ctx context.Context, stream string, version int64) error {
	_, err := in.ledger.Pool().Exec(ctx, `
		INSERT INTO pumps (stream, sequence, position, sent) VALUES ($1, $2, 0, 0)
		ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence WHERE pumps.sequence < excluded.sequence`,
		stream, version)
	if err != nil {
		return fmt.Errorf("keep the published version of %s: %w", stream, err)
	}
	return nil
}

// unpublished reads the version published last and the newest one.
func (in *Intake) unpublished(ctx context.Context, store *registry.Store) (done, latest int64, err error) {
	err = in.ledger.Pool().QueryRow(ctx, `SELECT sequence FROM pumps WHERE stream = $1`, RegistryStream).Scan(&done)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, 0, fmt.Errorf("read the registry's published version: %w", err)
	}
	latest, err = store.Latest(ctx)
	return done, latest, err
}

// sendRegistry sends a page of keys in a transaction of its own.
func (in *Intake) sendRegistry(ctx context.Context, client *kgo.Client, stream string, page []registry.Keyed, version int64, position *int64) error {
	records := make([]*kgo.Record, len(page))
	for i := range page {
		r, err := registryRecord(&page[i], version)
		if err != nil {
			return err
		}
		r.Headers = pumpHeaders(stream, version, *position)
		*position++
		records[i] = r
	}
	return in.sendTogether(ctx, client, records)
}

// sendTogether sends records in a transaction.
func (in *Intake) sendTogether(ctx context.Context, client *kgo.Client, records []*kgo.Record) error {
	if err := client.BeginTransaction(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return errors.Join(fmt.Errorf("send: %w", err), client.EndTransaction(ctx, kgo.TryAbort))
	}
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, r := range records {
		in.metrics.pumped.WithLabelValues(r.Topic).Inc()
	}
	return nil
}

// registryRecord makes the message about a key.
func registryRecord(k *registry.Keyed, version int64) (*kgo.Record, error) {
	r := &kgo.Record{Topic: message.TopicRegistry, Key: append([]byte(k.Kind.String()+":"), k.Key...)}
	var m proto.Message
	if k.Kind == registry.Hotlist {
		entry := &message.HotlistEntry{Version: version, Card: k.Key}
		for _, row := range k.Rows {
			entry.Rows = append(entry.Rows, &message.HotlistRow{From: row["effective_from"], To: row["effective_to"], Reason: row["reason"]})
		}
		r.Topic, r.Key, m = message.TopicHotlist, k.Key, entry
	} else {
		entry := &message.RegistryEntry{Version: version, Kind: k.Kind.String(), Key: k.Key}
		for _, row := range k.Rows {
			entry.Rows = append(entry.Rows, &message.RegistryRow{Columns: row})
		}
		m = entry
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", k.Name(), err)
	}
	r.Value = value
	return r, nil
}

// followAgain tells the pump of what was judged again.
func (in *Intake) followAgain(ctx context.Context) error {
	stream, err := in.ledger.Stream(ctx, streamAgain)
	if errors.Is(err, ledger.ErrNoStream) {
		return nil
	}
	if err == nil && in.again.Swap(stream.Sequence) != stream.Sequence {
		in.progress.signal()
	}
	return err
}
