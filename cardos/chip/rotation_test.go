package chip_test

import (
	"strings"
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/psam"
)

// A module that was rekeyed after a rotation serves cards of both generations, also after it is
// loaded from its image, and its sequence continues. A module that was not rekeyed refuses new
// cards (9403).
func TestModuleServesBothGenerations(t *testing.T) {
	before := keys.GenerateTest(1)
	after, err := before.Rotate(strings.NewReader(strings.Repeat("rotation", 100)))
	if err != nil {
		t.Fatal(err)
	}
	old, oldApp := issueTransit(t, before, 1)
	load(t, old, before, oldApp, 1000)
	fresh, freshApp := issueTransit(t, after, 2)
	load(t, fresh, after, freshApp, 1000)

	module := newSAM(t, before)
	capp(t, old, module, oldApp, 300)
	refuse(t, module, psam.Initialize(psam.Purchase{KeyVersion: 2, Factors: psam.UnionFactors(keys.CardID{})}), apdu.KeyIndexUnsupported)
	if !module.Rekey(after.SAMKeys()) || old.Rekey(after.SAMKeys()) {
		t.Error("Rekey does not tell a module from a card")
	}
	image, err := module.Image()
	if err != nil {
		t.Fatal(err)
	}
	if module, err = chip.Load(image); err != nil {
		t.Fatal(err)
	}
	module.PowerOn()
	send(t, module, psam.SelectTransit())
	records := []keys.PurchaseRecord{capp(t, old, module, oldApp, 300), capp(t, fresh, module, freshApp, 300), capp(t, old, module, oldApp, 300)}
	for i, version := range []byte{1, 2, 1} {
		records[i].KeyVersion = version
		if want := uint32(2 + i); records[i].TerminalSequence != want {
			t.Errorf("sale %d has sequence %d, want %d", i, records[i].TerminalSequence, want)
		}
	}
	ok := make([]bool, len(records))
	after.Held().TACVerifier().VerifyPurchases(records, ok)
	if !ok[0] || !ok[1] || !ok[2] {
		t.Errorf("TACs of both generations: %v", ok)
	}
}
