package gate_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/hotlist"
	"citycard/terminals/terminalstest"
)

// TestListedCard lets a card in, and neither out nor in again once it is listed.
func TestListedCard(t *testing.T) {
	held, in, out := terminalstest.Card(t, 1000), terminalstest.Gate(t, terminal, 1), terminalstest.Gate(t, terminal2, 2)
	list, err := hotlist.Open(filepath.Join(t.TempDir(), "hotlist"))
	must(t, err)
	in.Refuse(list)
	out.Refuse(list)
	asn, err := tunion.ParseNumber("03105070200000000012")
	must(t, err)
	must(t, list.Apply(&message.HotlistEntry{Version: 1, Card: asn[2:], Rows: []*message.HotlistRow{{From: "20261124080103", Reason: "stolen"}}}))
	_, err = in.Enter(t.Context(), held, morning) // at 08:01:02
	must(t, err)
	before := held.Describe().Transit
	_, leaving := out.Exit(t.Context(), held, morning.Add(10*time.Minute))
	_, entering := in.Enter(t.Context(), held, morning.Add(4*time.Hour))
	for _, err := range []error{leaving, entering} {
		if _, ok := errors.AsType[*hotlist.ListedError](err); !ok {
			t.Errorf("the listed card is answered %v", err)
		}
	}
	if after := held.Describe().Transit; after.BalanceFen != before.BalanceFen || len(after.Log) != len(before.Log) || after.Journeys[0] != before.Journeys[0] {
		t.Errorf("the card that was refused changed from %+v to %+v", before, after)
	}
}
