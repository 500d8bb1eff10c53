package intake_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/ledger"
)

// TestBatchUnpacksToTooMuch produces a small batch that unpacks to more than is taken. Its
// partition stands and says so; what is before it and other partitions are booked, also by the next
// process.
func TestBatchUnpacksToTooMuch(t *testing.T) {
	h := newHouse(t)
	h.send(tap(h.ride(1)))
	packed, err := kgo.NewClient(kgo.SeedBrokers(h.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(64<<20), kgo.MaxBufferedBytes(256<<20))
	h.must(err)
	defer packed.Close()
	h.must(packed.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicTaps, Value: make([]byte, 20<<20)}).FirstErr())
	for n := range uint32(2) {
		in := h.intake("test")
		ended, stop := h.run(in)
		h.awaitReady(in, ended, "taps/0 stands")
		other := tap(h.ride(2 + n))
		other.partition = 1
		h.send(other)
		for h.balance("operator:bus") < ledger.Fen(160+80*n) {
			h.awaitReady(in, ended, "taps/0 stands")
		}
		stop()
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 240})
	h.verify()
}
