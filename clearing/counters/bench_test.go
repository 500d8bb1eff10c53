package counters_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/counters"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// BenchmarkPass passes over a day of 600,000 taps of 300,000 cards, booked as they
// come, in no order of cards, on top of a day on which all purses were opened. One tap
// of a thousand was lost.
func BenchmarkPass(b *testing.B) {
	const taps, cards = 600_000, 300_000
	url := ledgertest.New(b)
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(schema.Apply(b.Context(), url))
	checker := counters.Checker{Ledger: ledgertest.Connect(b, url, 8)}
	l, day := checker.Ledger, firstDay
	must(l.OpenDay(b.Context(), day))
	must(l.OpenAccounts(b.Context(), chart.Accounts(clearingtest.New(b, nil).Registry.Current())))
	lease, err := l.Lease(b.Context(), "taps/0", "bench", day)
	must(err)
	number := func(card uint32) []byte {
		return binary.BigEndian.AppendUint32([]byte{1, 1, 0x49, 0x10, 0x50, 0x70, 2, 0}, card)
	}
	batch := &ledger.Batch{Stream: "taps/0", Epoch: lease.Epoch}
	post := func(t ledger.Transfer, last bool) {
		if batch.Transfers = append(batch.Transfers, t); len(batch.Transfers) == 5000 || last {
			batch.From, batch.Next, batch.Day = batch.Next, batch.Next+1, day
			_, err := l.Post(b.Context(), batch)
			must(err)
			batch.Transfers = batch.Transfers[:0]
		}
	}
	for card := range uint32(cards) {
		post(ledger.Transfer{
			Day: day, Subject: ledger.Subject(number(card)), ID: identity.Opening("purse"), Debit: ledger.IDOfCode(chart.Reserve),
			Credit: ledger.IDOfCode(chart.Float), Amount: 10_000, Purpose: chart.PurposeOpening,
		}, card == cards-1)
	}
	must(l.CloseDay(b.Context(), day, day.Next()))
	_, err = checker.Run(b.Context(), day, 0)
	must(err)
	must(l.EndDay(b.Context(), day))
	day = day.Next()
	random := rand.New(rand.NewPCG(1, 1))
	counters := make([]uint32, cards)
	for n := range taps {
		card := random.Uint32N(cards)
		if n%1000 == 7 {
			counters[card]++
		}
		counters[card]++
		sam, sequence := []byte{0x31, 0, 0, 0, byte(n >> 4), byte(n)}, uint32(n>>12)
		post(ledger.Transfer{
			Day: day, Subject: ledger.Subject(number(card)), ID: identity.Spend(9, sam, sequence), Debit: ledger.IDOfCode(chart.Float),
			Credit: ledger.IDOfCode("operator:bus"), Amount: 80, Purpose: chart.PurposeBus,
			Evidence: clearingtest.Encode(&message.Tap{
				CardCounter: counters[card], BalanceFen: 10_000 - 80*int32(counters[card]), Line: 7, CardType: 1, FareVersion: "2026-01", Vehicle: "A-0001",
				Debit: &message.Debit{
					Card: number(card), Issuer: make([]byte, 8), Type: 9, AmountFen: 80, Terminal: sam, TerminalSequence: sequence,
					Time: clearingtest.Hex("20260106123456"), Tac: []byte{1, 2, 3, 4}, KeyVersion: 1,
				},
			}),
		}, n == taps-1)
	}
	must(l.CloseDay(b.Context(), day, day.Next()))
	for round := 0; b.Loop(); round++ {
		summary, err := checker.Run(b.Context(), day, round)
		must(err)
		if summary.Rows != taps || summary.Cards != cards {
			b.Fatalf("%d rows of %d cards passed, want %d of %d", summary.Rows, summary.Cards, taps, cards)
		}
	}
	b.ReportMetric(taps*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
