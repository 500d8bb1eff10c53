package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/pcscd/pcscdtest"
)

// deskFares is a table of two stations for the card of transitOrder.
func deskFares() *message.FareTable {
	return &message.FareTable{
		Version: "test-1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, MetroStations: 2, MetroLimitMinutes: 240,
		Fares: []*message.CardFares{{CardType: 3, MetroFen: []uint32{200, 300, 300, 200}, MetroHighestFen: 900}},
	}
}

func faresFile(t testing.TB) string {
	t.Helper()
	content, err := protojson.Marshal(deskFares())
	must(t, err)
	path := filepath.Join(t.TempDir(), "fares.json")
	must(t, os.WriteFile(path, content, 0o600))
	return path
}

// The desk says for both sides of the gates what is wrong with the card in a reader, in words and
// as JSON, without the card's whole number, and the card stays as it is.
func TestStationLook(t *testing.T) {
	slot := pcscdtest.Slots(t)[0]
	takeOut(t, nil)
	card := personalised(t, keys.GenerateTest(7))
	must(t, slot.Insert(t.Context(), card))
	defer takeOut(t, slot)
	look := []string{"station", "look", "--reader", "00 00", "--station", "2", "--fares", faresFile(t), "--data", t.TempDir()}
	out := output(t, append(look, "--json")...)
	var l looked
	must(t, json.Unmarshal(out, &l))
	if l.Outside.Fault != "nothing" || l.Inside.Fault != "no_entry" || l.Inside.Update != "03" || l.Inside.Fen != 900 || l.Card != "****0012" || l.Fares != "test-1" {
		t.Errorf("%s", out)
	}
	english, chinese := string(output(t, look...)), string(output(t, append(look, "--language", "zh")...))
	for text, want := range map[string]string{
		english: "to get in    nothing is wrong: a gate lets the card in\nto get out   the card has not got in: update 03",
		chinese: "无异常：闸机可进站",
	} {
		if !strings.Contains(text, want) || strings.Contains(text, transitOrder.Transit.Number) {
			t.Errorf("%s\nwant %q", text, want)
		}
	}
	if log := card.Describe().Transit.Log; len(log) != 0 {
		t.Errorf("the card was changed: %+v", log)
	}
}
