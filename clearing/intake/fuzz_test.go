package intake_test

import (
	"encoding/json"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/ledger"
)

// Records of any kind come to a running intake, one after another: each time it goes on, the
// position has moved past the record, the books balance, and the record is accounted for.
// To fuzz, add -fuzzminimizetime 10x: what an intake runs through is never quite the same, so that
// the search for a smaller input would take all the time.

func FuzzTaps(f *testing.F)            { fuzzTopic(f, message.TopicTaps) }
func FuzzLoads(f *testing.F)           { fuzzTopic(f, message.TopicLoads) }
func FuzzMedicalRequests(f *testing.F) { fuzzTopic(f, message.TopicMedicalRequests) }
func FuzzPensionBatches(f *testing.F)  { fuzzTopic(f, message.TopicPensionBatches) }
func FuzzPensionResults(f *testing.F)  { fuzzTopic(f, message.TopicPensionResults) }

func fuzzTopic(f *testing.F, topic string) {
	house := newHouse(f)
	stop := house.start("fuzz")
	f.Cleanup(func() {
		if err := stop(); err != nil {
			f.Error(err)
		}
	})
	for _, seed := range house.seeds(topic, 1) {
		value := clearingtest.Encode(seed)
		f.Add([]byte("key"), value)
		f.Add([]byte{}, value[:len(value)/2])
		f.Add([]byte(nil), append(value, 0xFA, 0x7F, 0x01, 0x00))
	}
	f.Add([]byte{}, []byte{})
	f.Add([]byte{}, []byte{0xFF})
	f.Add([]byte{}, make([]byte, 1<<17))
	var records int
	f.Fuzz(func(t *testing.T, key, value []byte) {
		h := *house
		h.TB = t
		if len(key)+len(value) > 1<<19 {
			t.Skip("more than one message may have")
		}
		sent := &kgo.Record{Topic: topic, Key: key, Value: value}
		h.must(h.client.ProduceSync(t.Context(), sent).FirstErr())
		h.cleared()
		h.wantAccounted(topic, sent.Offset)
		if records++; records%500 == 1 {
			h.verify()
		}
	})
}

// wantAccounted holds the books against a record of the topic's first partition: there is a
// batch with it, which says what was ruled, and all accounts together are at zero.
func (h *house) wantAccounted(topic string, offset int64) {
	h.Helper()
	var from, next int64
	var data []byte
	h.must(h.ledger.Pool().QueryRow(h.Context(), `SELECT from_position, next_position, note FROM batches
		WHERE stream = $1 AND from_position <= $2 AND next_position > $2`, ledger.IDOfStream(topic+"/0"), offset).Scan(&from, &next, &data))
	var note docket.Note
	h.must(json.Unmarshal(data, &note))
	ruled := int64(0)
	for _, line := range note.Tally {
		ruled += line.Count
	}
	if ruled < next-from {
		h.Errorf("%d rulings on %d records: %s", ruled, next-from, data)
	}
	var left int64
	h.must(h.ledger.Pool().QueryRow(h.Context(), "SELECT coalesce(sum(credits) - sum(debits), 0)::INT8 FROM balances").Scan(&left))
	if left != 0 {
		h.Errorf("debits and credits differ by %d", left)
	}
}
