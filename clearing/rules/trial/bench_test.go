package trial_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/rules"
	"citycard/clearing/rules/trial"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

const (
	benchTaps  = 1_000_000
	benchBatch = 5_000
	benchCards = 200_000
)

// BenchmarkTry tries dearer fares over a million taps of a day, which are booked in a database of
// its own: half of them on buses, and as many entries as exits of the metro.
func BenchmarkTry(b *testing.B) {
	l := ledgertest.Open(b, 4)
	bookTaps(b, l)
	inForce, err := rules.Read(examples())
	if err != nil {
		b.Fatal(err)
	}
	contents := examples()
	contents[rules.Fares] = []byte(strings.Replace(string(contents[rules.Fares]), `"base_fen": 200`, `"base_fen": 300`, 1))
	proposed, err := rules.Read(contents)
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		start := time.Now()
		report, err := (&trial.Trial{Ledger: l, InForce: inForce, Proposed: proposed}).Run(b.Context(), today, today)
		if err != nil || report.Taps.Count != benchTaps || report.Taps.Difference() <= 0 {
			b.Fatalf("%+v, %v", report, err)
		}
		b.ReportMetric(benchTaps/time.Since(start).Seconds(), "rules.try_taps_per_second")
	}
	b.ReportMetric(0, "ns/op")
}

// bookTaps books the taps as clearing does, with records as long as real ones.
func bookTaps(b *testing.B, l *ledger.Ledger) {
	b.Helper()
	ctx := b.Context()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(l.OpenDay(ctx, today))
	must(l.OpenAccounts(ctx, []ledger.Account{
		{Code: chart.Float, Kind: ledger.Liability, Shards: 2}, {Code: chart.Operator("bus"), Kind: ledger.Liability, Shards: 2},
	}))
	lease, err := l.Lease(ctx, "taps/0", "bench", 0)
	must(err)
	random := rand.New(rand.NewPCG(1, 2))
	for n := 0; n < benchTaps; n += benchBatch {
		batch := &ledger.Batch{Stream: "taps/0", Epoch: lease.Epoch, From: int64(n), Next: int64(n + benchBatch), Day: today}
		for i := n; i < n+benchBatch; i++ {
			addTap(batch, i, random)
		}
		_, err := l.Post(ctx, batch)
		must(err)
	}
	_, err = l.Pool().Exec(ctx, "ANALYZE journal")
	must(err)
}

func addTap(batch *ledger.Batch, n int, random *rand.Rand) {
	at := time.Date(2026, 1, 5, 6+random.IntN(16), random.IntN(60), random.IntN(60), 0, time.UTC)
	asn := clearingtest.Hex(fmt.Sprintf("031050702%011d", random.IntN(benchCards)))
	terminal := clearingtest.Hex("310000000002")
	tap := &message.Tap{
		Medium: message.Medium_MEDIUM_CONTACTLESS, CardCounter: uint32(n), BalanceFen: 5000, CardType: uint32(1 + random.IntN(3)),
		Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_ENTRY, Line: 1, Station: uint32(1 + random.IntN(4)),
		FareVersion: "zz-2013+example-2020+01234567",
		Debit: &message.Debit{
			Card: asn, Issuer: clearingtest.Hex(clearingtest.Issuer), Type: 9, Terminal: terminal, TerminalSequence: uint32(n),
			Time: message.AppendTime(nil, at), Tac: []byte{1, 2, 3, byte(n)}, KeyVersion: 1,
		},
	}
	switch n % 4 {
	case 0, 1:
		tap.Mode, tap.Movement, tap.Line, tap.Station, tap.Vehicle, tap.Debit.AmountFen = message.Mode_MODE_BUS, message.Movement_MOVEMENT_SINGLE, 501, 0, "A12345", 160
	case 2:
		tap.Movement, tap.EntryStation, tap.Debit.AmountFen = message.Movement_MOVEMENT_EXIT, uint32(1+random.IntN(4)), 190
		tap.EntryTime = message.AppendTime(nil, at.Add(-30*time.Minute))
	}
	var card identity.Card
	copy(card[:4], tap.Debit.Issuer)
	copy(card[4:], asn[2:])
	id := []byte(identity.Spend(9, terminal, uint32(n)))
	evidence := clearingtest.Encode(tap)
	if tap.Debit.AmountFen == 0 {
		batch.Memos = append(batch.Memos, ledger.Memo{Day: today, Subject: card.Subject(), ID: ledger.ID(id), Kind: "record", Reason: chart.MetroEntry, Evidence: evidence})
		return
	}
	batch.Transfers = append(batch.Transfers, ledger.Transfer{
		Day: today, Subject: card.Subject(), ID: ledger.ID(id), Debit: ledger.IDOfCode(chart.Float), Credit: ledger.IDOfCode(chart.Operator("bus")),
		Amount: ledger.Fen(tap.Debit.AmountFen), Purpose: chart.PurposeBus, Evidence: evidence,
	})
}
