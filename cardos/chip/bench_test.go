package chip_test

import (
	"slices"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/chip"
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
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		if n++; n%60_000 == 0 { // the counter is two bytes
			b.StopTimer()
			card, app = issueTransit(b, keyStore, uint64(n))
			load(b, card, keyStore, app, 100_000)
			b.StartTimer()
		}
		begin := time.Now()
		send(b, card, apdu.Select(tunion.AIDPurse.Bytes()))
		capp(b, card, module, app, 1)
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "cards.capp_exit_memory_p50_us")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1000, "cards.capp_exit_memory_p99_us")
}

// Taking a card out of an image, and back into one.
func BenchmarkImage(b *testing.B) {
	card, _ := issueTransit(b, keys.GenerateTest(1), 1)
	image, err := card.Image()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		c, err := chip.Load(image)
		if err != nil {
			b.Fatal(err)
		}
		if image, err = c.Image(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(image)), "bytes")
}
