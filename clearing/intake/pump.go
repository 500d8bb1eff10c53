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

// pump sends what was committed, each stream in the order of its chain, and forgets a
// message after its acknowledgement: at least once.
func (in *Intake) pump(ctx context.Context, s *session) error {
	client, err := in.connect(ctx,
		kgo.ClientID("citycard-pump"), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		// Without it a process could not be stopped while the broker owes an answer. What
		// becomes of such a message does not matter: it is sent again.
		kgo.AllowIdempotentProduceCancellation())
	if err != nil {
		return fmt.Errorf("pump: %w", err)
	}
	defer client.Close()
	for {
		moved := in.progress.next()
		more, failed := false, false
		for _, p := range s.owned() {
			round, err := in.pumpStream(ctx, client, p.stream)
			if err != nil && ctx.Err() == nil {
				failed = true
				in.metrics.pumpFailures.Inc()
				in.log.Warn("pump failed, trying again", "stream", p.stream, "error", err)
			}
			more = more || round.full && round.sent > 0
			in.metrics.pumpLag.WithLabelValues(p.stream).Set(float64(round.behind(p.sequence.Load())))
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case more:
			continue
		case failed:
			moved = nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-moved:
		case <-after(failed, pumpIdle):
		}
	}
}

// after is a moment to wait for, where one is asked for.
func after(asked bool, wait time.Duration) <-chan time.Time {
	if !asked {
		return nil
	}
	return time.After(wait)
}

// place is where a message stands in its stream.
type place struct{ sequence, position int64 }

// parcel is a row of the table outbound and what it is sent as.
type parcel struct {
	place
	topic   string
	records []*kgo.Record
	unsent  error // why the broker has not all of it
}

// round is one look at a stream.
type round struct {
	full bool  // there may be more than was read
	sent int   // rows acknowledged and forgotten
	next place // the first row that is still to be sent; zero where all that was read is sent
	last place // the last row that was read
}

// behind is by how many batches the pump is behind the last one.
func (r round) behind(last int64) int64 {
	switch {
	case r.next != place{}:
		return max(1, last-r.next.sequence+1)
	case r.full:
		return max(0, last-r.last.sequence)
	}
	return 0
}

// pumpStream sends the next rows of one stream. A row that the broker does not take stays
// and is tried again; those behind it go on, so that one topic that is missing does not
// hold up what is for others.
func (in *Intake) pumpStream(ctx context.Context, client *kgo.Client, stream string) (round, error) {
	at, err := in.pumpPlace(ctx, stream)
	if err != nil {
		return round{}, err
	}
	parcels, err := in.waiting(ctx, stream, at)
	if err != nil || len(parcels) == 0 {
		return round{}, err
	}
	failure := produce(ctx, client, parcels)
	r := round{full: len(parcels) == pumpRows, last: parcels[len(parcels)-1].place}
	var sent []place
	for i := range parcels {
		switch {
		case parcels[i].unsent == nil:
			sent = append(sent, parcels[i].place)
			if r.next == (place{}) {
				at = parcels[i].place
			}
		case r.next == (place{}):
			r.next = parcels[i].place
		}
	}
	if len(sent) == 0 {
		return r, failure
	}
	if err := in.forget(ctx, stream, at, sent); err != nil {
		r.next = parcels[0].place
		return r, errors.Join(failure, err)
	}
	r.sent = len(sent)
	for i := range parcels {
		if parcels[i].unsent == nil {
			in.metrics.pumped.WithLabelValues(parcels[i].topic).Add(float64(len(parcels[i].records)))
		}
	}
	return r, failure
}

// pumpPlace is where a stream's sent rows end. It only saves the reading of them: rows that
// are gone still take up room in the index until the database has cleared it.
func (in *Intake) pumpPlace(ctx context.Context, stream string) (place, error) {
	at := place{position: -1}
	err := in.ledger.Pool().QueryRow(ctx, `SELECT sequence, position FROM pumps WHERE stream = $1`, stream).Scan(&at.sequence, &at.position)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return at, fmt.Errorf("read pump position: %w", err)
	}
	return at, nil
}

// waiting reads the next rows of a stream.
func (in *Intake) waiting(ctx context.Context, stream string, at place) ([]parcel, error) {
	rows, err := in.ledger.Pool().Query(ctx, `
		SELECT sequence, position, topic, key, value FROM outbound
		WHERE stream = $1 AND (sequence, position) > ($2, $3)
		ORDER BY sequence, position LIMIT $4`, stream, at.sequence, at.position, pumpRows)
	if err != nil {
		return nil, fmt.Errorf("read outgoing messages: %w", err)
	}
	defer rows.Close()
	var parcels []parcel
	for rows.Next() {
		var p parcel
		r := &kgo.Record{}
		if err := rows.Scan(&p.sequence, &p.position, &r.Topic, &r.Key, &r.Value); err != nil {
			return nil, fmt.Errorf("read outgoing message: %w", err)
		}
		p.topic = r.Topic
		if p.records, err = recordsOf(r, stream, p.place); err != nil {
			return nil, err
		}
		parcels = append(parcels, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read outgoing messages: %w", err)
	}
	return parcels, nil
}

// produce sends parcels, notes of each why the broker has not all of it, and returns the
// first such reason.
func produce(ctx context.Context, client *kgo.Client, parcels []parcel) error {
	var records []*kgo.Record
	for i := range parcels {
		records = append(records, parcels[i].records...)
	}
	results := client.ProduceSync(ctx, records...)
	first := results.FirstErr()
	if first == nil {
		return nil
	}
	unsent := map[*kgo.Record]error{}
	for _, result := range results {
		if result.Err != nil {
			unsent[result.Record] = result.Err
		}
	}
	for i := range parcels {
		for _, r := range parcels[i].records {
			if err := unsent[r]; err != nil {
				parcels[i].unsent = err
			}
		}
	}
	return fmt.Errorf("send: %w", first)
}

// forget drops rows that were acknowledged and remembers the place before which there are
// none, in one statement: a process that dies before it has them sent again, and one that
// dies behind it has done with them.
func (in *Intake) forget(ctx context.Context, stream string, at place, sent []place) error {
	sequences, positions := make([]int64, len(sent)), make([]int64, len(sent))
	for i, p := range sent {
		sequences[i], positions[i] = p.sequence, p.position
	}
	_, err := in.ledger.Pool().Exec(ctx, `
		WITH gone AS (
			DELETE FROM outbound WHERE stream = $1 AND (sequence, position) IN (SELECT u.s, u.p FROM unnest($4::INT8[], $5::INT8[]) AS u (s, p))
		)
		INSERT INTO pumps (stream, sequence, position) VALUES ($1, $2, $3)
		ON CONFLICT (stream) DO UPDATE SET sequence = excluded.sequence, position = excluded.position
		WHERE (pumps.sequence, pumps.position) < (excluded.sequence, excluded.position)`,
		stream, at.sequence, at.position, sequences, positions)
	if err != nil {
		return fmt.Errorf("forget sent messages: %w", err)
	}
	return nil
}

func pumpHeaders(stream string, sequence, position int64) []kgo.RecordHeader {
	return []kgo.RecordHeader{
		{Key: HeaderStream, Value: []byte(stream)},
		{Key: HeaderSequence, Value: binary.BigEndian.AppendUint64(nil, uint64(sequence))},
		{Key: HeaderPosition, Value: binary.BigEndian.AppendUint64(nil, uint64(position))},
	}
}

// recordsOf is what one row sends: itself, or the cleared records in it, numbered onward
// from the row's own position.
func recordsOf(r *kgo.Record, stream string, at place) (records []*kgo.Record, err error) {
	if r.Topic != message.TopicCleared {
		r.Headers = pumpHeaders(stream, at.sequence, at.position)
		return []*kgo.Record{r}, nil
	}
	position := at.position
	err = eachCleared(r.Value, func(record, token []byte) {
		records = append(records, &kgo.Record{Topic: r.Topic, Key: token, Value: record, Headers: pumpHeaders(stream, at.sequence, position)})
		position++
	})
	if err != nil {
		return nil, fmt.Errorf("cleared records of %s, batch %d: %w", stream, at.sequence, err)
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
