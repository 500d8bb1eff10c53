package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/simulators/pcscd/pcscdtest"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// topUps is how many top-ups are made at least.
const topUps = 200

// A top-up as a counter makes it: card in a virtual reader behind a real pcscd, the order and the
// card's confirmation synced to the disk, MAC2 over HTTP from an authority on the same machine. How
// long the authority's books take is not in it.
func BenchmarkCounterTopUp(b *testing.B) {
	slot := pcscdtest.Slots(b)[0]
	store := keys.GenerateTest(7)
	p := newCounterProgram()
	p.name, p.Data, p.zone, p.wait, p.LogLevel = "00 00", b.TempDir(), "Asia/Shanghai", 10*time.Second, 4
	p.till = tillFlags{counter: "c1", channel: "counter", terminal: "491030000001"}
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { must(b, stack.Close()) }()
	t, err := p.openTill(b.Context(), stack, prometheus.NewRegistry(), false)
	must(b, err)
	bank := &bank{store: store, paid: map[string]int{}}
	bank.start(b)
	t.desk.Terminal = [6]byte{0x49, 0x10, 0x30, 0, 0, 1}
	t.desk.Authority, err = counter.NewHTTPAuthority(bank.URL, map[string]string{"counter": "right"}, &http.Client{Timeout: 10 * time.Second})
	must(b, err)
	must(b, slot.Insert(b.Context(), personalised(b, store)))
	seen, _, err := t.look(b.Context(), 10*time.Second)
	must(b, err)
	b.ResetTimer()
	took := make([]time.Duration, max(b.N, topUps))
	for n := range took {
		begin := time.Now()
		_, err := t.topUp(b.Context(), &seen, 100)
		must(b, err)
		took[n] = time.Since(begin)
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "counter.topup_pcsc_p50_ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "counter.topup_pcsc_p99_ms")
}

// personalisations is how many cards are made at least.
const personalisations = 20

// Cards a minute that one reader can make, without the time in which cards are changed.
func BenchmarkPersonalise(b *testing.B) {
	slot := pcscdtest.Slots(b)[0]
	store := keys.GenerateTest(7)
	readers := reader.Observe()
	defer func() { must(b, readers.Close()) }()
	rd, err := readers.Open(b.Context(), "00 00")
	must(b, err)
	defer func() { must(b, rd.Close()) }()
	var took time.Duration
	cards := max(b.N, personalisations)
	for n := range cards {
		o := counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
			Number: fmt.Sprintf("031050702000000%05d", n), Issuer: hex.EncodeToString([]byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF}),
			Start: "20260101", Expiry: "20401231", CardType: 1, Province: "4900", City: "4910", PIN: "123456",
		}}
		must(b, slot.Insert(b.Context(), chip.NewTransit(uint64(n+1))))
		ctx, cancel := context.WithTimeout(b.Context(), 30*time.Second)
		held, err := rd.WaitCard(ctx)
		must(b, err)
		begin := time.Now()
		_, err = counter.Personalise(ctx, held, held.ATR(), store, o)
		must(b, err)
		took += time.Since(begin)
		must(b, held.Close())
		must(b, slot.Remove())
		must(b, rd.WaitEmpty(ctx))
		cancel()
	}
	b.ReportMetric(float64(cards)/took.Minutes(), "counter.personalise_cards_per_minute")
}
