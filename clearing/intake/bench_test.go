package intake_test

import (
	"context"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/cardos/keys"
	"citycard/clearing/broker"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/intake"
	"citycard/clearing/load"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/schema"
	"citycard/clearing/transit"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// BenchmarkDrain books a backlog: taps of many cards that wait in the embedded
// broker, 2 of 100 sent twice, 90 of 100 for one operator. One operation is the
// whole backlog, by drain time. The embedded broker shares the cores and the
// process; the registry is small.
func BenchmarkDrain(b *testing.B) {
	taps := 200_000
	if text := os.Getenv("TAPS"); text != "" {
		var err error
		if taps, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	const cards = 20_000
	town := clearingtest.New(b, func(files map[string]string) {
		for i := range cards {
			files["cards.csv"] += benchCard(i) + "," + clearingtest.Issuer + ",01,active,20200101,20401231\n"
		}
	})
	values := make([][]byte, taps)
	for i := range values {
		terminal := clearingtest.BusValidator
		if i%10 == 0 {
			terminal = clearingtest.MetroGate
		}
		values[i] = clearingtest.Encode(town.Tap(clearingtest.Tap{
			Card: benchCard(i % cards), Terminal: terminal, Sequence: uint32(i), Fen: 80, At: noon(5),
		}))
	}
	for b.Loop() {
		b.StopTimer()
		drain(b, town, values)
	}
}

func benchCard(i int) string {
	return "0310507030" + hex.EncodeToString([]byte{0, byte(i >> 16), byte(i >> 8), byte(i), 0})
}

func drain(b *testing.B, town *clearingtest.Town, values [][]byte) {
	quiet := slog.New(slog.DiscardHandler)
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	embedded, err := broker.Start(filepath.Join(b.TempDir(), "kafka"), 0, quiet)
	must(err)
	client, err := broker.Connect(b.Context(), embedded.Addr, 10*time.Second, quiet, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(1_000_000))
	must(err)
	const parts = 4
	must(broker.EnsureTopics(b.Context(), client, parts))
	sentTaps := 0
	for i, value := range values {
		card := i % 20_000
		for range 1 + i%50/49 {
			client.Produce(b.Context(), &kgo.Record{Topic: message.TopicTaps, Partition: int32(card % parts), Value: value}, nil)
			sentTaps++
		}
	}
	must(client.Flush(b.Context()))
	url := ledgertest.New(b)
	must(schema.Apply(b.Context(), url))
	l := ledgertest.Connect(b, url, 24)
	must(l.OpenDay(b.Context(), today))
	must(l.OpenAccounts(b.Context(), chart.Accounts(town.Registry.Current())))
	accounts, err := l.Accounts(b.Context())
	must(err)
	verifier := keys.NewTACVerifier(town.Keys.TACMaster())
	judge := &transit.Judge{Registry: town.Registry, Accounts: accounts, TACs: verifier, Fares: town.Fares, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1}}
	medicalRules, err := medical.LoadRules(medical.ExampleJSON())
	must(err)
	in, err := intake.New(l, embedded.Addr, map[string]func() intake.Rules{
		message.TopicTaps: func() intake.Rules { return intake.Taps(judge, town.Keys.CardTokens()) },
		message.TopicLoads: func() intake.Rules {
			return intake.Loads(&load.Judge{TACs: verifier, Paid: l.Amounts}, town.Registry, town.Keys.CardTokens())
		},
		message.TopicMedicalRequests: func() intake.Rules { return intake.MedicalRequests(town.Registry, medicalRules, l) },
		message.TopicPensionBatches:  func() intake.Rules { return intake.PensionBatches(town.Registry, l.Amounts) },
		message.TopicPensionResults:  func() intake.Rules { return intake.PensionResults(town.Registry, l.Amounts) },
	}, intake.Settings{Owner: "bench"}, intake.NewMetrics(prometheus.NewRegistry(), time.Now), quiet)
	must(err)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	started := time.Now()
	b.StartTimer()
	go func() { ended <- in.Run(ctx) }()
	must(intake.Await(b.Context(), client, l, nil))
	b.StopTimer()
	seconds := time.Since(started).Seconds()
	cancel()
	must(<-ended)
	sums, err := l.Balance(b.Context(), "operator:bus")
	must(err)
	if want := ledger.Fen(len(values)-(len(values)+9)/10) * 80; sums.Credits != want {
		b.Fatalf("the operator holds %d, want %d", sums.Credits, want)
	}
	b.ReportMetric(float64(sentTaps)/seconds, "core.cleared_per_second")
	client.Close()
	must(embedded.Close())
	b.StartTimer()
}
