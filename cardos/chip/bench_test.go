package chip_test

import (
	"testing"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
)

// A metro exit in memory: select, composite purchase with two records, SAM.
func BenchmarkCAPPExit(b *testing.B) {
	keyStore := keys.GenerateTest(1)
	card, app := issueTransit(b, keyStore, 1)
	load(b, card, keyStore, app, 100_000)
	module := newSAM(b, keyStore)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if n++; n%60_000 == 0 { // the counter is two bytes
			b.StopTimer()
			card, app = issueTransit(b, keyStore, uint64(n))
			load(b, card, keyStore, app, 100_000)
			b.StartTimer()
		}
		send(b, card, apdu.Select(tunion.AIDPurse.Bytes()))
		capp(b, card, module, app, 1)
	}
}
