package intake

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
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
	// pumpPages bounds how many pages a round reads when topics have failed, so that other streams
	// have their turn.
	pumpPages = 20
	pumpIdle  = time.Second // looks again without being told, after a failure
	// hospitalsIdle is between two attempts to make topics; what is in them waits no longer
	// than pumpIdle.
	hospitalsIdle = 10 * time.Second
)

// pump sends committed messages, each stream in the order of its chain, and deletes a message after
// its acknowledgement. So a message is sent at least once.
type pump struct {
	*Intake
	client *kgo.Client
	// ready are the topics that were looked at, or made, and are fit to be written to.
	ready map[string]bool
	// named is the registry whose hospitals have their topics. If some cannot be made, the pump
	// tries again later.
	named *index.Edition
	later time.Time
	// begun are the streams whose messages that the broker had refused were tried again.
	begun map[string]bool
	// passed is by stream.
	passed map[string]passed
}

// pump runs one for the streams of a session.
func (in *Intake) pump(ctx context.Context, s *session) error {
	client, err := in.connect(ctx,
		kgo.ClientID("citycard-pump"), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		// Without it a process could not be stopped while it waits for the broker. Whether such a
		// message was stored does not matter: it is sent again.
		kgo.AllowIdempotentProduceCancellation())
	if err != nil {
		return fmt.Errorf("pump: %w", err)
	}
	defer client.Close()
	return (&pump{Intake: in, client: client, ready: map[string]bool{}, begun: map[string]bool{}, passed: map[string]passed{}}).run(ctx, s)
}

func (p *pump) run(ctx context.Context, s *session) error {
	for {
		moved := p.progress.next()
		more, failed := false, p.hospitals(ctx) != nil
		for _, owned := range s.outgoing() {
			round, err := p.stream(ctx, owned.stream)
			if err != nil && ctx.Err() == nil {
				failed = true
				p.metrics.pumpFailures.Inc()
				p.log.Warn("pump failed, trying again", "stream", owned.stream, "error", err)
			}
			more = more || round.full && round.sent > 0
			p.metrics.pumpLag.WithLabelValues(owned.stream).Set(float64(round.behind(owned.sequence.Load())))
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

// hospitals makes the topics of hospitals that the registry has named since the last look,
// so that each hospital can get the right to read its own topic before it has messages.
func (p *pump) hospitals(ctx context.Context) error {
	edition := p.settings.Registry.Current()
	if edition == p.named || p.metrics.clock().Before(p.later) {
		return nil
	}
	var topics []string
	for _, h := range edition.Hospitals() {
		topics = append(topics, message.MedicalResultsOf(h.ID))
		p.metrics.pumpRefused.WithLabelValues(message.MedicalResultsOf(h.ID))
	}
	err := p.fit(ctx, topics)
	if err == nil {
		p.named = edition
		return nil
	}
	if ctx.Err() == nil {
		p.later = p.metrics.clock().Add(hospitalsIdle)
		p.metrics.pumpFailures.Inc()
		p.log.Warn("hospitals have no topic for their answers, trying again", "error", err)
	}
	return err
}

// fit makes topics where they are missing and refuses those that would not keep what they
// are given.
func (p *pump) fit(ctx context.Context, topics []string) error {
	topics = slices.DeleteFunc(topics, func(topic string) bool { return p.ready[topic] })
	if len(topics) == 0 {
		return nil
	}
	if err := p.settings.Topics.EnsureWorking(ctx, p.client, topics...); err != nil {
		return err
	}
	for _, topic := range topics {
		p.ready[topic] = true
	}
	return nil
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
	refused error // why it will never have
}

func (p place) isBefore(other place) bool {
	return p.sequence < other.sequence || p.sequence == other.sequence && p.position < other.position
}

// round is one look at a stream.
type round struct {
	full   bool     // there may be more than was read
	sent   int      // rows acknowledged and forgotten, or set aside
	next   place    // the first row that is still to be sent; zero where all that was read is sent
	last   place    // the last row that was read
	done   place    // no row up to it is still to be sent
	failed []string // topics that the broker did not take something of; never nil
}

// passed is how far the previous round read. All unsent rows up to there belong to the topics that
// failed. While these topics fail, those rows need not be read again to find rows of other topics.
type passed struct {
	to     place
	topics []string
}

func (b passed) isOf(failed []string) bool {
	return !slices.ContainsFunc(b.topics, func(topic string) bool { return !slices.Contains(failed, topic) })
}

// behind returns how many batches the pump is behind the last one.
func (r round) behind(last int64) int64 {
	switch {
	case r.next != place{}:
		return max(1, last-r.next.sequence+1)
	case r.full:
		return max(0, last-r.last.sequence)
	}
	return 0
}

// stream sends the next rows of one stream. A row that the broker does not accept stays and is
// tried again. No more rows of its topic are read in this round, so that rows of other topics are
// sent however many stay. A row that the broker refuses for good is set aside.
func (p *pump) stream(ctx context.Context, stream string) (round, error) {
	if !p.begun[stream] {
		if err := p.asideAgain(ctx, stream); err != nil {
			return round{}, err
		}
		p.begun[stream] = true
	}
	at, err := p.place(ctx, stream)
	if err != nil {
		return round{}, err
	}
	r, before := round{last: at, done: at, failed: []string{}}, p.passed[stream]
	var failure error
	for quiet := 0; quiet < pumpPages; {
		parcels, err := p.waiting(ctx, stream, r.last, r.failed)
		if err != nil {
			return r, errors.Join(failure, err)
		}
		if r.full = len(parcels) == pumpRows; len(parcels) == 0 {
			break
		}
		sending := p.send(ctx, parcels)
		failure = errors.Join(failure, sending)
		if err := p.settle(ctx, stream, parcels, &r); err != nil {
			return r, errors.Join(failure, err)
		}
		if r.last.isBefore(before.to) && before.isOf(r.failed) {
			r.last = before.to
		}
		if !r.full || len(r.failed) == 0 || ctx.Err() != nil {
			break
		}
		if sending == nil {
			quiet++
		}
	}
	p.passed[stream] = passed{r.last, r.failed}
	return r, failure
}

// settle deletes the rows of one page that were sent, sets aside those that were refused, and notes
// in the round those that stay.
func (p *pump) settle(ctx context.Context, stream string, parcels []parcel, r *round) error {
	before, settled := r.next, r.sent
	var sent []place
	for i := range parcels {
		of := &parcels[i]
		switch {
		case of.unsent != nil:
			if r.next == (place{}) {
				r.next = of.place
			}
			if !slices.Contains(r.failed, of.topic) {
				r.failed = append(r.failed, of.topic)
			}
			continue
		case of.refused != nil:
			if err := p.setAside(ctx, stream, of); err != nil {
				return err
			}
		default:
			sent = append(sent, of.place)
		}
		r.sent++
		if r.next == (place{}) {
			r.done = of.place
		}
	}
	r.last = parcels[len(parcels)-1].place
	if r.sent == settled {
		return nil
	}
	if err := p.forget(ctx, stream, r.done, sent); err != nil {
		if r.next = before; before == (place{}) {
			r.next = parcels[0].place
		}
		return err
	}
	for i := range parcels {
		if parcels[i].unsent == nil && parcels[i].refused == nil {
			p.metrics.pumped.WithLabelValues(parcels[i].topic).Add(float64(len(parcels[i].records)))
		}
	}
	return nil
}

// place is where a stream's sent rows end. It only saves the reading of them: rows that
// are gone still use space in the index until the database has cleared it.
func (p *pump) place(ctx context.Context, stream string) (place, error) {
	at := place{position: -1}
	err := p.ledger.Pool().QueryRow(ctx, `SELECT sequence, position FROM pumps WHERE stream = $1`, stream).Scan(&at.sequence, &at.position)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return at, fmt.Errorf("read pump position: %w", err)
	}
	return at, nil
}

// waiting reads the next rows of a stream, of all topics but those that failed.
func (p *pump) waiting(ctx context.Context, stream string, at place, failed []string) ([]parcel, error) {
	return p.rows(ctx, stream, at, "NULL", failed)
}

// rows reads rows whose column refused is NULL, or is NOT NULL, except those of the topics in
// without.
func (p *pump) rows(ctx context.Context, stream string, at place, refused string, without []string) ([]parcel, error) {
	rows, err := p.ledger.Pool().Query(ctx, `
		SELECT sequence, position, topic, key, value FROM outbound
		WHERE stream = $1 AND (sequence, position) > ($2, $3) AND refused IS `+refused+` AND topic <> ALL($5::TEXT[])
		ORDER BY sequence, position LIMIT $4`, stream, at.sequence, at.position, pumpRows, without)
	if err != nil {
		return nil, fmt.Errorf("read outgoing messages: %w", err)
	}
	defer rows.Close()
	var parcels []parcel
	for rows.Next() {
		var next parcel
		r := &kgo.Record{}
		if err := rows.Scan(&next.sequence, &next.position, &r.Topic, &r.Key, &r.Value); err != nil {
			return nil, fmt.Errorf("read outgoing message: %w", err)
		}
		next.topic = r.Topic
		if next.records, err = recordsOf(r, stream, next.place); err != nil {
			return nil, err
		}
		parcels = append(parcels, next)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read outgoing messages: %w", err)
	}
	return parcels, nil
}

// send sends parcels. It notes in each of them why the broker does not have all of it, and returns
// one such reason.
func (p *pump) send(ctx context.Context, parcels []parcel) error {
	failures := map[string]error{} // by topic
	topics := map[string]bool{}
	for i := range parcels {
		topics[parcels[i].topic] = true
	}
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		if err := p.fit(ctx, []string{topic}); err != nil {
			failures[topic] = err
		}
	}
	var records []*kgo.Record
	for i := range parcels {
		if parcels[i].unsent = failures[parcels[i].topic]; parcels[i].unsent == nil {
			records = append(records, parcels[i].records...)
		}
	}
	unsent := map[*kgo.Record]error{}
	if results := p.client.ProduceSync(ctx, records...); results.FirstErr() != nil {
		for _, result := range results {
			if result.Err != nil {
				unsent[result.Record] = result.Err
			}
		}
	}
	for i := range parcels {
		of := &parcels[i]
		for _, r := range of.records {
			if err := unsent[r]; err != nil && (of.unsent == nil || !refusedForGood(err)) {
				of.unsent = err
			}
		}
		if refusedForGood(of.unsent) {
			p.alone(ctx, of)
		}
		if of.unsent != nil {
			// The topic may be gone, so it is checked again.
			delete(p.ready, of.topic)
			failures[of.topic] = of.unsent
		}
	}
	if failed := slices.Sorted(maps.Keys(failures)); len(failed) > 0 {
		return fmt.Errorf("send to %s: %w", strings.Join(failed, ", "), failures[failed[0]])
	}
	return nil
}

// forget deletes acknowledged rows, counts them, and stores the place up to which no row is left,
// in one statement. If the process dies before the statement, the rows are sent again; if it dies
// after it, they are done.
func (p *pump) forget(ctx context.Context, stream string, at place, sent []place) error {
	sequences, positions := make([]int64, len(sent)), make([]int64, len(sent))
	for i, p := range sent {
		sequences[i], positions[i] = p.sequence, p.position
	}
	_, err := p.ledger.Pool().Exec(ctx, `
		WITH gone AS (
			DELETE FROM outbound WHERE stream = $1 AND (sequence, position) IN (SELECT u.s, u.p FROM unnest($4::INT8[], $5::INT8[]) AS u (s, p))
			RETURNING position
		)
		INSERT INTO pumps (stream, sequence, position, sent) SELECT $1::TEXT, $2::INT8, $3::INT8, count(*) FROM gone
		ON CONFLICT (stream) DO UPDATE SET sent = pumps.sent + excluded.sent,
			sequence = CASE WHEN (pumps.sequence, pumps.position) < (excluded.sequence, excluded.position) THEN excluded.sequence ELSE pumps.sequence END,
			position = CASE WHEN (pumps.sequence, pumps.position) < (excluded.sequence, excluded.position) THEN excluded.position ELSE pumps.position END`,
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

// recordsOf returns the records of one row: the row itself, or the cleared records in it, numbered
// from the row's position on.
func recordsOf(r *kgo.Record, stream string, at place) ([]*kgo.Record, error) {
	if r.Topic != message.TopicCleared {
		r.Headers = pumpHeaders(stream, at.sequence, at.position)
		return []*kgo.Record{r}, nil
	}
	expected := len(r.Value)/clearedBytes + 1
	records := make([]*kgo.Record, 0, expected)
	headers := pumpHeaders(stream, at.sequence, at.position) // all but the last is the same for all
	positions := make([]byte, 0, 8*expected)
	ok := message.EachCleared(r.Value, func(record, token []byte) {
		n := len(positions)
		positions = binary.BigEndian.AppendUint64(positions, uint64(at.position)+uint64(len(records)))
		own := []kgo.RecordHeader{headers[0], headers[1], {Key: HeaderPosition, Value: positions[n:len(positions):len(positions)]}}
		records = append(records, &kgo.Record{Topic: r.Topic, Key: token, Value: record, Headers: own})
	})
	if !ok {
		return nil, fmt.Errorf("cleared records of %s, batch %d: not as they were stored", stream, at.sequence)
	}
	return records, nil
}

// rejectMessages makes the messages for the rejects of a docket. Bytes that were
// rejected before are not published again.
func rejectMessages(d *docket.Docket, out *ledger.Outcome) ([]docket.Outgoing, error) {
	var outgoing []docket.Outgoing
	input, _, _ := strings.Cut(d.Source.Stream, "/")
	topic := message.RejectsOf(input)
	add := func(reject *message.Reject) error {
		value, err := proto.Marshal(reject)
		if err != nil {
			return fmt.Errorf("encode reject of offset %d: %w", reject.GetOffset(), err)
		}
		outgoing = append(outgoing, docket.Outgoing{Topic: topic, Key: []byte(d.Source.Stream), Value: value})
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
