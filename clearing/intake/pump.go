package intake

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/ledger"
)

// Headers of a message that the pump sends. A reader that has seen a (stream,
// sequence, position) drops it when it comes again.
const (
	HeaderStream   = "citycard-stream"   // text
	HeaderSequence = "citycard-sequence" // 8 bytes, big endian
	HeaderPosition = "citycard-position" // 8 bytes, big endian
)

const (
	pumpRows = 50
	pumpIdle = time.Second // looks again without being told, after a failure
)

// pump sends what was committed, each stream in the order of its chain, and
// remembers how far it got after the acknowledgement: at least once.
func (in *Intake) pump(ctx context.Context, s *session) error {
	client, err := in.connect(ctx,
		kgo.ClientID("citycard-pump"), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return fmt.Errorf("pump: %w", err)
	}
	defer client.Close()
	for {
		moved := in.progress.next()
		wait := time.Duration(0)
		for _, p := range s.owned() {
			sent, last, err := in.pumpStream(ctx, client, p.stream)
			if err != nil && ctx.Err() == nil {
				in.metrics.pumpFailures.Inc()
				in.log.Warn("pump failed, trying again", "stream", p.stream, "error", err)
				wait = pumpIdle
			}
			behind := int64(0)
			if sent == pumpRows {
				wait = time.Nanosecond
				behind = max(0, p.sequence.Load()-last)
			}
			in.metrics.pumpLag.WithLabelValues(p.stream).Set(float64(behind))
		}
		if wait == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-moved:
				continue
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// pumpStream sends the next rows of one stream and returns how many, and of which
// batch the last one was.
func (in *Intake) pumpStream(ctx context.Context, client *kgo.Client, stream string) (sent int, sequence int64, err error) {
	pool := in.ledger.Pool()
	position := int64(-1)
	err = pool.QueryRow(ctx, `SELECT sequence, position FROM pumps WHERE stream = $1`, stream).Scan(&sequence, &position)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, sequence, fmt.Errorf("read pump position: %w", err)
	}
	rows, err := pool.Query(ctx, `
		SELECT sequence, position, topic, key, value FROM outbound
		WHERE stream = $1 AND (sequence, position) > ($2, $3)
		ORDER BY sequence, position LIMIT $4`, stream, sequence, position, pumpRows)
	if err != nil {
		return 0, sequence, fmt.Errorf("read outgoing messages: %w", err)
	}
	var records []*kgo.Record
	found := 0
	for rows.Next() {
		r := &kgo.Record{}
		if err := rows.Scan(&sequence, &position, &r.Topic, &r.Key, &r.Value); err != nil {
			rows.Close()
			return 0, sequence, fmt.Errorf("read outgoing message: %w", err)
		}
		found++
		if records, err = appendRecords(records, r, stream, sequence, position); err != nil {
			rows.Close()
			return 0, sequence, err
		}
	}
	if err := rows.Err(); err != nil {
		return 0, sequence, fmt.Errorf("read outgoing messages: %w", err)
	}
	if len(records) == 0 {
		return 0, sequence, nil
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return 0, sequence, fmt.Errorf("send: %w", err)
	}
	for _, r := range records {
		in.metrics.pumped.WithLabelValues(r.Topic).Inc()
	}
	_, err = pool.Exec(ctx, `
		INSERT INTO pumps (stream, sequence, position) VALUES ($1, $2, $3)
		ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence, position = excluded.position`, stream, sequence, position)
	if err != nil {
		return 0, sequence, fmt.Errorf("keep pump position: %w", err)
	}
	// What was published of cleared records is in the journal as well: the copy has
	// served.
	_, err = pool.Exec(ctx, `DELETE FROM outbound WHERE stream = $1 AND topic = $2 AND (sequence, position) <= ($3, $4)`,
		stream, message.TopicCleared, sequence, position)
	if err != nil {
		return 0, sequence, fmt.Errorf("forget published records: %w", err)
	}
	return found, sequence, nil
}

func pumpHeaders(stream string, sequence, position int64) []kgo.RecordHeader {
	return []kgo.RecordHeader{
		{Key: HeaderStream, Value: []byte(stream)},
		{Key: HeaderSequence, Value: binary.BigEndian.AppendUint64(nil, uint64(sequence))},
		{Key: HeaderPosition, Value: binary.BigEndian.AppendUint64(nil, uint64(position))},
	}
}

// appendRecords adds what one row sends: itself, or the cleared records in it,
// numbered onward from the row's own position.
func appendRecords(records []*kgo.Record, r *kgo.Record, stream string, sequence, position int64) ([]*kgo.Record, error) {
	if r.Topic != message.TopicCleared {
		r.Headers = pumpHeaders(stream, sequence, position)
		return append(records, r), nil
	}
	err := eachCleared(r.Value, func(record, token []byte) {
		records = append(records, &kgo.Record{Topic: r.Topic, Key: token, Value: record, Headers: pumpHeaders(stream, sequence, position)})
		position++
	})
	if err != nil {
		return nil, fmt.Errorf("cleared records of %s, batch %d: %w", stream, sequence, err)
	}
	return records, nil
}

// rejectMessages makes the messages for the rejects of a docket. Bytes that were
// rejected before are not published again.
func rejectMessages(d *docket.Docket, out *ledger.Outcome) ([]Outgoing, error) {
	var outgoing []Outgoing
	add := func(reject *message.Reject) error {
		value, err := proto.Marshal(reject)
		if err != nil {
			return fmt.Errorf("encode reject of offset %d: %w", reject.GetOffset(), err)
		}
		outgoing = append(outgoing, Outgoing{Topic: message.TopicRejects, Key: []byte(d.Source.Stream), Value: value})
		return nil
	}
	for _, rejected := range d.Rejects() {
		if out.Memos[rejected.Memo].Result != ledger.Inserted {
			continue
		}
		m := &d.Memos[rejected.Memo]
		err := add(&message.Reject{
			Reason: m.Reason, Stream: d.Source.Stream, Offset: rejected.Offset, Day: d.Source.Day.String(), Original: m.Evidence,
		})
		if err != nil {
			return nil, err
		}
	}
	return outgoing, nil
}
