package history_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/history"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// BenchmarkPass passes over a day of 600,000 taps of 300,000 cards, booked as they
// come: in no order of cards.
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
	archive := history.Archive{Ledger: ledgertest.Connect(b, url, 8)}
	l := archive.Ledger
	must(l.OpenDay(b.Context(), firstDay))
	must(l.OpenAccounts(b.Context(), chart.Accounts(clearingtest.New(b, nil).Registry.Current())))
	claim, err := l.Claim(b.Context(), "taps/0", "bench", firstDay)
	must(err)
	random := rand.New(rand.NewPCG(1, 1))
	batch := &ledger.Batch{Stream: "taps/0", Epoch: claim.Epoch, Day: firstDay}
	for n := range taps {
		var k keys.CardID
		copy(k.ASN[:], clearingtest.Hex(clearingtest.Card))
		binary.BigEndian.PutUint32(k.ASN[6:], random.Uint32N(cards))
		sam := []byte{0x31, 0, 0, 0, byte(n >> 4), byte(n)}
		sequence := uint32(n >> 12)
		batch.Transfers = append(batch.Transfers, ledger.Transfer{
			Day: firstDay, Subject: ledger.Subject(k.ASN[:]), ID: identity.Spend(9, sam, sequence), Debit: ledger.IDOfCode(chart.Float),
			Credit: ledger.IDOfCode("operator:bus"), Amount: 80, Purpose: chart.PurposeBus,
			Evidence: clearingtest.Encode(&message.Tap{
				CardCounter: random.Uint32N(10), BalanceFen: 5000, Line: 7, CardType: 1, FareVersion: "2026-01", Vehicle: "A-0001",
				Debit: &message.Debit{
					Card: k.ASN[:], Issuer: make([]byte, 8), Type: 9, AmountFen: 80, Terminal: sam, TerminalSequence: sequence,
					Time: clearingtest.Hex("20260105123456"), Tac: []byte{1, 2, 3, 4}, KeyVersion: 1,
				},
			}),
		})
		if len(batch.Transfers) == 5000 || n == taps-1 {
			batch.From, batch.Next = batch.Next, batch.Next+1
			_, err := l.Post(b.Context(), batch)
			must(err)
			batch.Transfers = batch.Transfers[:0]
		}
	}
	must(l.CloseDay(b.Context(), firstDay, firstDay.Next()))
	for round := 0; b.Loop(); round++ {
		summary, err := archive.Run(b.Context(), firstDay, round)
		must(err)
		if summary.Rows != taps {
			b.Fatalf("%d rows passed, want %d", summary.Rows, taps)
		}
	}
	b.ReportMetric(taps*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
