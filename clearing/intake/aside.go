package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// refusedForGood reports an answer of the broker that the same message would get every time.
func refusedForGood(err error) bool {
	for _, refusal := range []error{kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.UnsupportedForMessageFormat} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}

// alone sends the records of a parcel one by one. The broker accepts or refuses a whole batch, so
// one refused message would keep others from being sent.
func (p *pump) alone(ctx context.Context, of *parcel) {
	of.unsent = nil
	for _, r := range of.records {
		err := p.client.ProduceSync(ctx, &kgo.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: r.Headers}).FirstErr()
		switch {
		case err == nil:
		case refusedForGood(err):
			of.refused = err
		default:
			of.unsent = err
			return
		}
	}
}

// setAside marks a row that the broker refuses for good with the error, so that it does not hold up
// the rows behind it.
func (p *pump) setAside(ctx context.Context, stream string, of *parcel) error {
	_, err := p.ledger.Pool().Exec(ctx, "UPDATE outbound SET refused = $4 WHERE stream = $1 AND sequence = $2 AND position = $3",
		stream, of.sequence, of.position, of.refused.Error())
	if err != nil {
		return fmt.Errorf("set a refused message aside: %w", err)
	}
	p.metrics.pumpRefused.WithLabelValues(of.topic).Inc()
	p.log.Error("the broker refuses a message; it is kept, and sent again at the next start", "topic", of.topic, "stream", stream,
		"sequence", of.sequence, "position", of.position, "error", of.refused)
	return nil
}

// asideAgain sends the rows of a stream that were set aside once more, each row alone. A process
// does that when it begins to send for the stream, since the broker's limits may have been raised.
func (p *pump) asideAgain(ctx context.Context, stream string) error {
	at := place{position: -1}
	for {
		parcels, err := p.rows(ctx, stream, at, "NOT NULL", []string{})
		if err != nil || len(parcels) == 0 {
			return err
		}
		var sent []place
		for i := range parcels {
			of := &parcels[i]
			if at = of.place; p.fit(ctx, []string{of.topic}) != nil {
				continue
			}
			if p.alone(ctx, of); of.unsent == nil && of.refused == nil {
				sent = append(sent, of.place)
				p.metrics.pumped.WithLabelValues(of.topic).Add(float64(len(of.records)))
			}
		}
		if err := p.forget(ctx, stream, place{position: -1}, sent); err != nil {
			return err
		}
	}
}
