package intake_test

import (
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker/kafkatest"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// TestRealKafka clears from a real Apache Kafka that is killed and started again
// while taps come in and verdicts go out: each is booked once, whatever the producer had
// to send again, and what was cleared and what was rejected is published.
func TestRealKafka(t *testing.T) {
	kafka := kafkatest.Start(t)
	h := newHouseOn(t, kafka.Addr)
	stop := h.start("test")
	const taps, forged = 4000, 400
	failures := make(chan error, taps)
	produced := func(_ *kgo.Record, err error) { failures <- err }
	for i := range taps {
		m := h.ride(uint32(i))
		if i < forged {
			m = h.ride(uint32(1_000_000 + i))
			m.Debit.Tac[0] ^= 1
		}
		h.client.Produce(t.Context(), &kgo.Record{
			Topic: message.TopicTaps, Partition: int32(i) % partitions, Key: []byte(strconv.Itoa(i)), Value: tap(m).value,
		}, produced)
		if i == taps/2 {
			h.until("a tap is booked", func() bool { return h.balance("operator:bus") > 0 })
			kafka.Kill()
			kafka.Run()
		}
	}
	for range taps {
		h.must(<-failures)
	}
	h.cleared()
	h.untilSent()
	h.must(stop())
	h.wantBalances(map[string]ledger.Fen{"operator:bus": (taps - forged) * 80, "float:own": -(taps - forged) * 80})
	h.wantPublished(forged)
	if cleared, _ := h.published(message.TopicCleared); len(cleared) != taps-forged {
		t.Errorf("%d cleared records published, want %d", len(cleared), taps-forged)
	}
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) })
	h.must(err)
}
