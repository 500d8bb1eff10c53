package city

import (
	"path/filepath"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/simulators/plan"
	"citycard/terminals/outbox"
)

// BenchmarkDay plays the demonstration's day, all but Kafka and the waiting for
// the load authority.
func BenchmarkDay(b *testing.B) {
	store := keys.GenerateTest(1)
	town := plan.City{Seed: 1, Cards: 10_000, Day: 20261124}
	people, err := NewPopulation(town, zhengzhou(b))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		if err := Issue(b.Context(), IssueOptions{Dir: dir, Population: people, Keys: store}); err != nil {
			b.Fatal(err)
		}
		box, err := outbox.Open(filepath.Join(dir, "outbox"))
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		played, err := Play(b.Context(), Options{
			Day: plan.Day{
				Dir: dir, City: town, Town: zhengzhou(b), Keys: store, Fares: publicFares(b), Shares: plan.DefaultShares(),
				Date: time.Date(2026, 11, 24, 0, 0, 0, 0, beijing()),
			},
			Authority: pastLoads{store}, Outbox: box,
		})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(played.Records)), "records")
		b.StopTimer()
		b.Logf("%+v", played.Summary)
		if err := box.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
