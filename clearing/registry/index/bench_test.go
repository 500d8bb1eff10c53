package index

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"citycard/cardos/keys"
)

// cityCards is a large city's.
const cityCards = 12_000_000

// BenchmarkCards builds a table of 12 million cards and reports its bytes a card,
// then looks cards up at random; and applies a day's change of 10,000 cards.
func BenchmarkCards(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	builder := CardBuilder{table: CardTable{classes: make([]cardClass, 1)}}
	for i := range uint64(cityCards) {
		builder.add(benchCard(i), cardRow{from: 12000, expires: 20000})
	}
	table := builder.Finish(func(Number, Conflict) {})
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.Run("find", func(b *testing.B) {
		random := rand.New(rand.NewPCG(1, 2))
		for b.Loop() {
			if _, ok := table.find(benchCard(random.Uint64N(cityCards))); !ok {
				b.Fatal("card not found")
			}
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/cityCards, "B/card")
	})
	b.Run("change", func(b *testing.B) {
		random := rand.New(rand.NewPCG(3, 4))
		change := CardBuilder{table: CardTable{classes: make([]cardClass, 1)}}
		for range 10_000 {
			change.add(benchCard(random.Uint64N(2*cityCards)), cardRow{from: 13000, expires: 20000, status: Blocked})
		}
		more := change.Finish(func(Number, Conflict) {})
		for b.Loop() {
			table.with(&more)
		}
	})
	runtime.KeepAlive(table)
}

// benchCard spreads numbers as issued ones are: a prefix, a batch, a serial number.
func benchCard(i uint64) (id keys.Digits) {
	number := fmt.Sprintf("5070%04d%08d", i/50_000, i%50_000*7)
	if _, err := hex.Decode(id[:], []byte(number)); err != nil {
		panic(err)
	}
	return id
}
