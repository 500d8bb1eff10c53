package intake_test

import (
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/kafkatest"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// TestRealKafka clears from a real Apache Kafka that is killed and started again
// while taps come in: each is booked once, whatever the producer had to send
// again, and rejects reach their topic.
func TestRealKafka(t *testing.T) {
	kafka := kafkatest.Start(t)
	h := newHouseOn(t, kafka.Addr)
	bad := h.ride(1_000_000)
	bad.Debit.Tac[0] ^= 1
	stop := h.start("test")
	const taps = 4000
	failures := make(chan error, taps+1)
	produced := func(_ *kgo.Record, err error) { failures <- err }
	for i := range taps {
		m := tap(h.ride(uint32(i)))
		h.client.Produce(t.Context(), &kgo.Record{
			Topic: m.topic, Partition: int32(i) % partitions, Key: []byte(strconv.Itoa(i)), Value: m.value,
		}, produced)
		if i == taps/2 {
			for h.balance("operator:bus") == 0 {
				if err := t.Context().Err(); err != nil {
					t.Fatal(err)
				}
			}
			kafka.Kill()
			kafka.Run()
		}
	}
	h.client.Produce(t.Context(), &kgo.Record{Topic: message.TopicTaps, Value: tap(bad).value}, produced)
	for range taps + 1 {
		h.must(<-failures)
	}
	h.cleared()
	if rejects := h.read(message.TopicRejects, 1); len(rejects) != 1 {
		t.Errorf("%d rejects published, want 1", len(rejects))
	}
	h.must(stop())
	h.wantBalances(map[string]ledger.Fen{"operator:bus": taps * 80, "float:own": -taps * 80})
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) })
	h.must(err)
}
