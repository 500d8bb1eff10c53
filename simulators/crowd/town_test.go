package crowd

import (
	"maps"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/network"
	"citycard/simulators/plan"
	"citycard/simulators/plan/plantest"
)

// grown is the built-in city with a bus line more, 399, from 25 November 2026 on.
func grown(t *testing.T) *plan.Town {
	t.Helper()
	documents := maps.Clone(plantest.Documents(t, "../.."))
	text := string(documents["network.json"])
	version := text[strings.Index(text, "    {\n      \"version\""):strings.LastIndex(text, "\n  ]")]
	later := strings.NewReplacer("simulated-1", "simulated-2", "20200101", "20261125", "[901, ", "[901, 399, ").Replace(version)
	documents["network.json"] = []byte(strings.Replace(text, version, version+",\n"+later, 1))
	city := strings.Replace(string(network.ZhengzhouCity()), "[901, ", "[901, 399, ", 1)
	town, err := plan.NewTown([]byte(city), documents)
	if err != nil {
		t.Fatal(err)
	}
	return town
}

// TestNetworkGrows plays a day, then one on a larger network: the SAMs of before keep their
// sequences, and the new line is ridden. A network without a seat of before is refused.
func TestNetworkGrows(t *testing.T) {
	var s sent
	o := options(t, t.TempDir(), &s)
	o.Shares = plan.Shares{}
	play(t, o)
	o.Town, o.Date = grown(t), o.Date.AddDate(0, 0, 1)
	o.Fares = plantest.Fares(t, o.Town, document.Midnight(20200101), nil)
	play(t, o)
	sequences, lines := map[string]uint32{}, map[uint32]int{}
	for _, l := range s.all() {
		var m message.Tap
		if err := proto.Unmarshal(l.Value, &m); err != nil {
			t.Fatal(err)
		}
		sam := string(m.GetDebit().GetTerminal())
		if sequences[sam]++; m.GetDebit().GetTerminalSequence() != sequences[sam] {
			t.Fatalf("SAM %x is at %d, want %d", sam, m.GetDebit().GetTerminalSequence(), sequences[sam])
		}
		lines[m.GetLine()]++
	}
	if lines[399] == 0 {
		t.Error("nobody rides the new line")
	}
	o.Town, o.Date = plantest.Town(t, "../.."), o.Date.AddDate(0, 0, 1)
	o.Fares = plantest.Fares(t, o.Town, document.Midnight(20200101), nil)
	if _, err := Play(t.Context(), o); err == nil || !strings.Contains(err.Error(), "of another city or network") {
		t.Errorf("without line 399: %v", err)
	}
}
