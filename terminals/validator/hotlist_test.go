package validator_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/hotlist"
)

// TestListedCard rides until the second at which the card is listed. Then it is
// refused, and nothing on it has changed.
func TestListedCard(t *testing.T) {
	held, v := newCard(t, 1000), newValidator(t)
	list, err := hotlist.Open(filepath.Join(t.TempDir(), "hotlist"))
	must(t, err)
	v.Refuse(list)
	asn, err := tunion.ParseNumber("03105070200000000012")
	must(t, err)
	must(t, list.Apply(&message.HotlistEntry{Version: 1, Card: asn[2:], Rows: []*message.HotlistRow{{From: "20261124080103", Reason: "stolen"}}}))
	tap, err := v.Ride(t.Context(), held, morning) // at 08:01:02
	must(t, err)
	agrees(t, held, tap)
	before := held.Describe().Transit
	_, err = v.Ride(t.Context(), held, morning.Add(time.Second))
	if listed, ok := errors.AsType[*hotlist.ListedError](err); !ok || listed.Reason != "stolen" {
		t.Errorf("the ride ended with %v, want a refusal of a listed card", err)
	}
	if after := held.Describe().Transit; after.BalanceFen != before.BalanceFen || len(after.Log) != len(before.Log) {
		t.Errorf("the card that was refused changed from %+v to %+v", before, after)
	}
}
