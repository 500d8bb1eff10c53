package intake_test

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// TestSoak sends mutated and random records of every topic, and good taps among them, into a
// running intake, and closes the day: it goes on, every record has a ruling, every good tap is
// booked, nothing is left in quarantine, and the books hold.
func TestSoak(t *testing.T) {
	h := newHouse(t)
	h.town.Found(t, h.ledger.Pool())
	stop := h.start("test")
	random := rand.New(rand.NewPCG(ledgertest.Setting(t, ledgertest.SoakSeed, 20260105), 1))
	n := int(ledgertest.Setting(t, ledgertest.SoakRecords, 1500))
	const chunk, goodFrom = 2000, 1 << 20
	sent, good := int64(0), map[string]bool{}
	for _, topic := range message.InputTopics() {
		seeds := h.seeds(topic, 1)
		var records []*kgo.Record
		for i := range n {
			records = append(records, &kgo.Record{
				Topic: topic, Partition: int32(random.IntN(int(partitions))), Key: junk(random, random.IntN(30)), Value: mutant(random, seeds),
			})
			if topic == message.TopicTaps && i%10 == 0 {
				value := clearingtest.Encode(h.ride(goodFrom + uint32(i)))
				good[string(value)] = true
				records = append(records, &kgo.Record{Topic: topic, Partition: int32(random.IntN(int(partitions))), Value: value})
			}
			if len(records) >= chunk || i == n-1 {
				h.must(h.client.ProduceSync(t.Context(), records...).FirstErr())
				sent += int64(len(records))
				records = records[:0]
				h.cleared()
			}
		}
	}
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	closer := &dayclose.Closer{Ledger: h.ledger, Owner: "test", Dir: t.TempDir(), Seals: t.TempDir(), Signer: signer, Rules: payoutRules(t)}
	result, err := closer.Close(t.Context(), today, today.Next())
	h.must(err)
	ledgertest.Pin(t, h.ledger, signer)
	_, err = closer.Seal(t.Context(), today)
	h.must(err)
	h.must(stop())

	ruled := int64(0)
	h.must(h.ledger.Notes(t.Context(), today, func(data []byte) error {
		var note docket.Note
		if err := json.Unmarshal(data, &note); err != nil {
			return err
		}
		for _, line := range note.Tally {
			ruled += line.Count
			if line.Verdict == "quarantined" {
				t.Errorf("%d of %s are quarantined as %s", line.Count, line.Purpose, line.Reason)
			}
		}
		return nil
	}))
	if ruled < sent {
		t.Errorf("%d rulings on %d records", ruled, sent)
	}
	booked := 0
	h.must(h.ledger.Scan(t.Context(), today, today, func(row ledger.Row) error {
		if good[string(row.Evidence)] {
			booked++
		}
		return nil
	}))
	if booked != len(good) {
		t.Errorf("%d of %d good taps are booked", booked, len(good))
	}
	for _, r := range h.keptAlone() {
		t.Errorf("%s is kept alone: %s %s", r.Name(), r.Reason, r.Cause)
	}
	// Most of what was sent has a wrong TAC, so an operator's payout may be held.
	for _, u := range result.Unpaid {
		if held := (*dayclose.Held)(nil); !errors.As(u.Err, &held) {
			t.Errorf("not paid: %s %v", u.Code, u.Err)
		}
	}
	h.verify(signer.Public().(ed25519.PublicKey))
}
