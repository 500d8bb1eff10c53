package intake

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/ledger"
)

// errBroker marks errors of the broker that pass by themselves.
var errBroker = errors.New("broker")

// TopicError says that a topic is not the one that the ledger's positions belong
// to: consuming it would skip records or take others for them.
type TopicError struct {
	Topic string
	What  string
}

func (e *TopicError) Error() string {
	return fmt.Sprintf("topic %s %s; the ledger's positions do not fit it: restore the topic, or begin with a new ledger", e.Topic, e.What)
}

// checkTopics compares id and partition count of every input topic with those
// first seen, and returns the partition counts. Topics that would not keep their
// records, or not the broker's time of them, are refused.
func (in *Intake) checkTopics(ctx context.Context, client *kgo.Client) (map[string]int32, error) {
	if err := in.settings.Topics.Check(ctx, client, message.InputTopics()...); err != nil {
		return nil, awayOr(err)
	}
	details, err := kadm.NewClient(client).ListTopics(ctx, message.InputTopics()...)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", awayOr(err))
	}
	counts := map[string]int32{}
	for _, topic := range message.InputTopics() {
		detail := details[topic]
		if detail.Err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic, awayOr(detail.Err))
		}
		id, count := detail.ID, int32(len(detail.Partitions))
		knownID, knownCount, err := in.knownTopic(ctx, topic, id[:], count)
		if err != nil {
			return nil, err
		}
		switch {
		case !bytes.Equal(knownID, id[:]):
			return nil, &TopicError{topic, fmt.Sprintf("has id %x, was %x", id[:], knownID)}
		case knownCount != count:
			return nil, &TopicError{topic, fmt.Sprintf("has %d partitions, had %d", count, knownCount)}
		}
		counts[topic] = count
	}
	return counts, nil
}

// knownTopic records a topic at first sight and reads what is recorded.
func (in *Intake) knownTopic(ctx context.Context, topic string, id []byte, partitions int32) (knownID []byte, known int32, err error) {
	err = in.ledger.Write(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO topics (topic, id, partitions) VALUES ($1, $2, $3) ON CONFLICT (topic) DO NOTHING`, topic, id, partitions)
		if err != nil {
			return err
		}
		err = tx.QueryRow(ctx, `SELECT id, partitions FROM topics WHERE topic = $1`, topic).Scan(&knownID, &known)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		what, err := json.Marshal(message.TopicFound{Topic: topic, ID: hex.EncodeToString(id), Partitions: int64(partitions)})
		if err != nil {
			return err
		}
		return ledger.Record(ctx, tx, message.ActTopic, string(what), ledger.Approval{})
	})
	if err != nil {
		return nil, 0, fmt.Errorf("record topic %s: %w", topic, err)
	}
	return knownID, known, nil
}

// awayOr marks an error of the broker that passes by itself. A missing topic is not such an error,
// although the client retries that too: the topics exist before the intake starts.
func awayOr(err error) error {
	if broker.Passing(err) && !errors.Is(err, kerr.UnknownTopicOrPartition) {
		return fmt.Errorf("%w: %w", errBroker, err)
	}
	return err
}

// passes reports an error of a session that passes by itself: database or broker are away. What a
// session writes before its first batch may be written twice, so an unknown commit is repeated too.
func passes(err error) bool {
	var unreachable *broker.UnreachableError
	var cutOff *kgo.ErrFirstReadEOF
	if errors.As(err, &unreachable) {
		return broker.Passing(err) || errors.As(err, &cutOff)
	}
	return errors.Is(err, ledger.ErrUnavailable) || errors.Is(err, ledger.ErrOutcomeUnknown) || errors.Is(err, errBroker)
}

// awaitTopic returns once the streams of topic have passed the offsets at which
// it ends now, whichever process has them.
func (in *Intake) awaitTopic(ctx context.Context, client *kgo.Client, topic string) error {
	cut, err := cutNow(ctx, client, topic)
	if err == nil {
		err = cut.Await(ctx, in.ledger, nil, nil)
	}
	if err != nil {
		return fmt.Errorf("%w: wait for topic %s: %w", errBroker, topic, err)
	}
	return nil
}

// store writes the messages that go out with a batch.
func store(ctx context.Context, tx pgx.Tx, stream string, sequence int64, outgoing []docket.Outgoing) error {
	if len(outgoing) == 0 {
		return nil
	}
	positions := make([]int64, len(outgoing))
	topics := make([]string, len(outgoing))
	keys, values := make([][]byte, len(outgoing)), make([][]byte, len(outgoing))
	for i, o := range outgoing {
		positions[i], topics[i], keys[i], values[i] = int64(i), o.Topic, orEmpty(o.Key), orEmpty(o.Value)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO outbound (stream, sequence, position, topic, key, value)
		SELECT $1, $2, u.position, u.topic, u.key, u.value
		FROM unnest($3::INT8[], $4::TEXT[], $5::BYTEA[], $6::BYTEA[]) AS u (position, topic, key, value)`,
		stream, sequence, positions, topics, keys, values)
	if err != nil {
		return fmt.Errorf("store outgoing messages: %w", err)
	}
	return nil
}

// orEmpty turns nil into an empty slice: the driver takes a nil slice for NULL.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
