package registry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/clearing/schema"
	"citycard/ledger/ledgertest"
)

// BenchmarkFoundAndLoad reads a file of a million cards, stores it as the
// founding change and loads it back, and reports each step's cards a second.
func BenchmarkFoundAndLoad(b *testing.B) {
	const cards = 1_000_000
	files := clearingtest.Files()
	var text strings.Builder
	text.WriteString(cardsHeader)
	for i := range cards {
		fmt.Fprintf(&text, "031050702%011d,%s,01,active,20200101,20401231,anonymous\n", i, clearingtest.Issuer)
	}
	files["cards.csv"] = text.String()
	dir := clearingtest.WriteFiles(b, files)
	for b.Loop() {
		url := ledgertest.New(b)
		if err := schema.Apply(b.Context(), url); err != nil {
			b.Fatal(err)
		}
		store := registry.NewStore(ledgertest.Connect(b, url, 4).Pool())
		began := time.Now()
		lap := func(name string, err error) {
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(cards/time.Since(began).Seconds(), name+"/s")
			began = time.Now()
		}
		draft, err := registry.Read(dir, nil)
		lap("read", err)
		lap("stored", store.Found(b.Context(), draft, by("founder", "")))
		edition, err := store.Load(b.Context())
		lap("loaded", err)
		if edition.Counts()["cards"] != cards {
			b.Fatalf("loaded %v", edition.Counts())
		}
	}
}
