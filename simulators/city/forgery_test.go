package city

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/forgery"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// whole are a tap and a load in which every field of fixed length has its full length; text fields
// have one byte.
func whole() map[string]proto.Message {
	return map[string]proto.Message{
		message.TopicTaps: &message.Tap{
			Debit:     &message.Debit{Card: make([]byte, 10), Issuer: make([]byte, 8), Terminal: make([]byte, 6), Time: make([]byte, 7), Tac: make([]byte, 4)},
			EntryTime: make([]byte, 7), FareVersion: "v", Vehicle: "v",
		},
		message.TopicLoads: &message.Load{
			Card: make([]byte, 10), Issuer: make([]byte, 8), Terminal: make([]byte, 6), Time: make([]byte, 7), Tac: make([]byte, 4),
			Order: "o", Channel: "c",
		},
	}
}

// TestEveryByteIsAltered plays days on which every record has an altered copy beside it: every byte
// of every field of taps and loads, before the original and after it. The outcome of each copy is
// known.
func TestEveryByteIsAltered(t *testing.T) {
	store := keys.GenerateTest(1)
	dir := smallCity(t, store)
	day := time.Date(2026, 11, 24, 0, 0, 0, 0, beijing())
	fired, verdicts := map[string]int{}, map[string]int{}
	unfired := func() (names []string) {
		for topic, m := range whole() {
			for _, place := range forgery.Places(m, nil) {
				for _, order := range []string{"before", "after"} {
					if name := topic + " " + place.String() + " " + order; fired[name] == 0 {
						names = append(names, name)
					}
				}
			}
		}
		return names
	}
	for n := 0; n < 30 && len(unfired()) > 0; n++ {
		p := playDay(t, dir, store, day.AddDate(0, 0, n), plan.Shares{Tampered: 1, Foreign: 0.2})
		seen := map[truth.Key]bool{}
		for _, r := range p.Records {
			if place, altered := strings.CutPrefix(r.Fault, "tampered_"); altered {
				verdicts[strings.TrimSpace(r.Verdict+" "+r.Reason)]++
				if r.Day == 0 || seen[r.Key()] { // of what nothing can be read from, not even its place in the order
					fired[r.Topic+" "+place+" after"]++
				}
				if r.Day == 0 || !seen[r.Key()] {
					fired[r.Topic+" "+place+" before"]++
				}
			}
			seen[r.Key()] = true
		}
	}
	for _, name := range unfired() {
		t.Errorf("%s its original: never altered", name)
	}
	for _, verdict := range []string{
		"cleared", "duplicate", "rejected bad_tac", "rejected transaction_type", "rejected invalid_field", "suspended unknown_card",
		"suspended card_expired", "pending", "disputed",
	} {
		if verdicts[verdict] == 0 {
			t.Errorf("no altered copy is %s: %v", verdict, verdicts)
		}
	}
}
