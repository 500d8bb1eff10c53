package intake_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/ledger"
)

// TestTooMuchForTheDatabase has the database take longer than it may over a batch of more than 30
// taps and over one long list: the taps are booked in smaller batches, the list is kept alone.
func TestTooMuchForTheDatabase(t *testing.T) {
	h := newHouse(t)
	slow := func(all map[string]func() intake.Rules, topic string, most int) {
		make := all[topic]
		all[topic] = func() intake.Rules {
			r := make()
			rule := r.Rule
			r.Rule = func(ctx context.Context, records []docket.Record, d *docket.Docket) (intake.Judged, error) {
				judged, err := rule(ctx, records, d)
				answer := judged.Answer
				judged.Answer = func(ctx context.Context, tx pgx.Tx, in docket.Place, rulings []docket.Ruling) (docket.Answers, error) {
					if len(rulings) > most {
						if _, err := tx.Exec(ctx, "SELECT pg_sleep(60)"); err != nil {
							return docket.Answers{}, err
						}
					}
					if answer == nil {
						return docket.Answers{}, nil
					}
					return answer(ctx, tx, in, rulings)
				}
				return judged, err
			}
			return r
		}
	}
	h.spoil = func(all map[string]func() intake.Rules) {
		slow(all, message.TopicTaps, 30)
		slow(all, message.TopicPensionBatches, 0)
	}
	pool, dialect, err := ledger.Connect(t.Context(), h.url, 8, ledger.Patience(time.Second))
	h.must(err)
	t.Cleanup(pool.Close)
	far := *h
	far.ledger = ledger.New(pool, dialect)
	var messages []sent
	for i := range uint32(50) {
		messages = append(messages, tap(h.ride(i)))
	}
	list := clearingtest.Encode(&message.PensionBatch{Batch: "b1", Month: "202601", Payday: "20260105", Lines: []*message.PensionLine{
		{Person: make([]byte, ledger.MaxEvidence+1), AmountFen: 300_000},
	}})
	h.send(append(messages, sent{message.TopicPensionBatches, 0, list})...)
	in := far.intake("test")
	_, stop := h.run(in)
	h.must(intake.Await(t.Context(), h.client, h.ledger, nil))
	stop()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 50 * 80})
	if kept := h.keptAlone(); len(kept) != 1 || kept[0].Name() != "pension.batches/0@0" || len(kept[0].Value) != len(list) {
		t.Errorf("%d records are kept alone, want the list whole", len(kept))
	}
	h.verify()
}
