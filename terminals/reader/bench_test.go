package reader_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/simulators/specimen"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
	"citycard/terminals/sam"
)

// exits is how many metro exits are measured at least: enough for a hundredth.
const exits = 2000

// A metro exit, card and SAM each in a virtual reader behind a real pcscd: select the purse,
// read files 0015 and 0017 and the last journey, begin, hand over trip and journey, ask the SAM,
// debit, and let the SAM check.
func BenchmarkCAPPExit(b *testing.B) {
	held, module := cards(b)
	took := make([]time.Duration, 0, exits)
	trip := tunion.RailTrip{TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripLeft)}.Encode()
	b.ResetTimer()
	for range max(b.N, exits) {
		begin := time.Now()
		p, err := card.OpenPurse(b.Context(), held)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := p.LastJourney(b.Context()); err != nil {
			b.Fatal(err)
		}
		_, err = p.Pay(b.Context(), module, capp.Sale{
			Amount: 1, Time: bcd.Time(morning), Trip: trip,
			Journey: tunion.Journey{Type: tunion.JourneyExit, Industry: tunion.IndustryMetro, City: tunion.ZhengzhouCity},
		}.Payment())
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "cards.capp_exit_pcsc_p50_ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "cards.capp_exit_pcsc_p99_ms")
}

// cards puts a card with money and a SAM into the two readers.
func cards(b *testing.B) (*reader.Card, *sam.Module) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 2*time.Minute)
	defer cancel()
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	slots, o := readers(b)
	var held [2]*reader.Card
	for i, kind := range []specimen.Kind{specimen.Transit, specimen.PSAM} {
		c, err := specimen.New(ctx, kind, 1, morning)
		check(err)
		if kind == specimen.Transit {
			c.PowerOn()
			check(fund(ctx, c))
		}
		check(slots[i].Insert(ctx, c))
		held[i], err = open(b, o, i).WaitCard(ctx)
		check(err)
		b.Cleanup(func() { _ = held[i].Close() })
	}
	module, err := sam.Open(ctx, held[1])
	check(err)
	return held[0], module
}

// fund loads a specimen with enough for all exits.
func fund(ctx context.Context, held apdu.Card) error {
	_, err := counter.TopUp(ctx, held, authority{specimen.Keys()}, counter.Load{
		Order: "1", Channel: "counter", Amount: 60_000, Terminal: terminal, At: morning,
	})
	return err
}
