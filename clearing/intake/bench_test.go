package intake_test

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/identity"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/schema"
	"citycard/clearing/topics"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// The benchmark's shape. TAPS in the environment is another number of taps; FULL=1 is fullTaps.
const (
	benchTaps  = 1_000_000
	fullTaps   = 10_000_000
	benchCards = 5_000_000
	benchParts = 4    // partitions, and workers of the yardstick
	benchBatch = 4000 // rows of one COPY of the yardstick; the intake's batches have as many
)

// BenchmarkDrain clears a backlog, by drain time: the taps wait in the broker when the clearing
// process begins, and it ends when all of them are in the books, commits durable. Five million
// cards are registered (imported from CSV by the clearing process before it begins); a fifth as
// many cards ride as there are taps; 90 of 100 taps are for one operator; 2 of 100 are sent twice.
// Before and after, half the same rows each are copied raw into a bare keyed table, with a
// connection for each partition. Then the day is closed.
//
// Clearing and broker (the embedded one, synced writes) are processes of their own, and share the
// cores with the database. core.rss_mb is the most that the clearing process had resident while it
// drained, cards and all.
func BenchmarkDrain(b *testing.B) {
	for range b.N {
		d := newDrain(b)
		d.send()
		before := d.copyRaw(0, d.backlog.taps/2)
		result, seconds := d.clear()
		after := d.copyRaw(d.backlog.taps/2, d.backlog.taps)
		rate := float64(d.backlog.sent()) / seconds
		raw := float64(d.backlog.taps) / (before + after)
		b.ReportMetric(rate, "core.cleared_per_second")
		b.ReportMetric(raw, "core.raw_copy_per_second")
		b.ReportMetric(rate/raw, "core.over_copy")
		b.ReportMetric(result.PeakMB, "core.rss_mb")
		if d.persons > 0 {
			b.ReportMetric(result.PeakMB, "persons.core_rss_mb")
		}
		b.ReportMetric(result.CPU*1e6/float64(d.backlog.sent()), "core.cpu_us_per_tap")
		d.explain(result, seconds)
		d.close()
	}
	b.ReportMetric(0, "ns/op")
}

// drain is one run.
type drain struct {
	*testing.B
	backlog backlog
	dir     string
	url     string
	ledger  *ledger.Ledger
	kafka   string
	client  *kgo.Client
	closer  *dayclose.Closer
	persons int // whom the books know
}

func (d *drain) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// newDrain lays everything out: files, broker, books, and the purses of those who ride, booked and
// closed the day before.
func newDrain(b *testing.B) *drain {
	b.Helper()
	taps := benchTaps
	if os.Getenv("FULL") != "" {
		taps = fullTaps
	}
	d := &drain{B: b, dir: b.TempDir(), url: ledgertest.New(b)}
	var err error
	if text := os.Getenv("TAPS"); text != "" {
		taps, err = strconv.Atoi(text)
		d.must(err)
	}
	d.backlog = newBacklog(b, taps)
	d.must(d.backlog.writeRegistry(filepath.Join(d.dir, "registry")))
	d.kafka = startChild(b, child{Role: roleBroker, Dir: filepath.Join(d.dir, "kafka")}).said
	quiet := slog.New(slog.DiscardHandler)
	d.client, err = broker.Connect(b.Context(), d.kafka, 10*time.Second, quiet, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(100_000))
	d.must(err)
	b.Cleanup(d.client.Close)
	d.must(topics.Layout{Partitions: benchParts}.Ensure(b.Context(), d.client, topics.All()...))
	d.must(schema.Apply(b.Context(), d.url))
	d.ledger = ledgertest.Connect(b, d.url, 12)
	d.must(ledgertest.CreateBare(b.Context(), d.ledger.Pool()))
	d.closer = &dayclose.Closer{
		Ledger: d.ledger, Owner: "bench", Dir: filepath.Join(d.dir, "settlement"), Seals: filepath.Join(d.dir, "seals"),
		Signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Rules: payoutRules(b),
	}
	d.open()
	d.persons = d.people()
	return d
}

// open books the purses.
func (d *drain) open() {
	d.Helper()
	ctx, yesterday := d.Context(), today.Add(-1)
	d.backlog.town.Found(d, d.ledger.Pool())
	d.must(d.ledger.OpenDay(ctx, yesterday))
	d.must(d.ledger.OpenAccounts(ctx, chart.Accounts(d.backlog.town.Registry.Current())))
	lease, err := d.ledger.Lease(ctx, "openings", "bench", 0)
	d.must(err)
	for from := 0; from < d.backlog.riders; from += 10_000 {
		transfers := make([]ledger.Transfer, 0, 10_000)
		for rider := from; rider < min(from+10_000, d.backlog.riders); rider++ {
			card := keys.CardID{Issuer: clearingtest.CardID(clearingtest.Card).Issuer, ASN: d.backlog.card(rider)}
			transfers = append(transfers, ledger.Transfer{
				Day: 20200101, Subject: identity.CardOf(card).Subject(), ID: identity.Opening("purse"), Debit: ledger.IDOfCode(chart.Reserve),
				Credit: ledger.IDOfCode(chart.Float), Amount: benchPurse, Purpose: chart.PurposeOpening,
			})
		}
		_, err := d.ledger.Post(ctx, &ledger.Batch{
			Stream: "openings", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Transfers: transfers,
		})
		d.must(err)
		lease.Next++
	}
	_, err = d.closer.Close(ctx, yesterday, today)
	d.must(err)
}

// send puts the backlog into the broker.
func (d *drain) send() {
	d.Helper()
	var once sync.Once
	var failed error
	for n := 0; n < d.backlog.taps; n += chunkTaps {
		for _, t := range d.backlog.chunk(n) {
			for range t.times {
				d.client.Produce(d.Context(), &kgo.Record{Topic: message.TopicTaps, Partition: t.partition, Value: t.transfer.Evidence}, func(_ *kgo.Record, err error) {
					if err != nil {
						once.Do(func() { failed = err })
					}
				})
			}
		}
	}
	d.must(d.client.Flush(d.Context()))
	d.must(failed)
}

// copyRaw copies the rows of some of the taps and returns the seconds that COPY took.
func (d *drain) copyRaw(from, to int) float64 {
	d.Helper()
	conns := make([]*pgx.Conn, benchParts)
	for i := range conns {
		conn, err := pgx.Connect(d.Context(), d.url)
		d.must(err)
		defer conn.Close(context.Background())
		conns[i] = conn
	}
	const turn = 16 * chunkTaps
	seconds := 0.0
	for ; from < to; from += turn {
		rows := make([][]ledger.Transfer, benchParts)
		for n := from; n < min(from+turn, to); n += chunkTaps {
			for _, t := range d.backlog.chunk(n)[:min(chunkTaps, to-n)] {
				if t.first {
					rows[t.partition] = append(rows[t.partition], t.transfer)
				}
			}
		}
		runtime.GC()
		begun := time.Now()
		var group sync.WaitGroup
		for worker, rows := range rows {
			group.Go(func() {
				for number := 0; len(rows) > 0; number++ {
					n := min(benchBatch, len(rows))
					if err := ledgertest.CopyBare(d.Context(), conns[worker], today, worker, number, rows[:n]); err != nil {
						d.Error(err)
						return
					}
					rows = rows[n:]
				}
			})
		}
		group.Wait()
		seconds += time.Since(begun).Seconds()
	}
	return seconds
}

// clear lets the clearing process drain the backlog.
func (d *drain) clear() (cleared, float64) {
	d.Helper()
	c := startChild(d.B, child{Role: roleClearing, Dir: filepath.Join(d.dir, "registry"), Kafka: d.kafka, Database: d.url, Profiles: d.dir})
	d.Logf("clearing is ready with %d cards: %s", benchCards, c.said)
	begun := time.Now()
	c.say("go")
	d.must(intake.Await(d.Context(), d.client, d.ledger, nil))
	seconds := time.Since(begun).Seconds()
	d.published()
	result := c.end()
	sums, err := d.ledger.Balance(d.Context(), "operator:bus")
	d.must(err)
	if want := ledger.Fen(d.backlog.taps-(d.backlog.taps+9)/10) * benchFen; sums.Credits != want {
		d.Fatalf("the operator was credited %d fen, want %d", sums.Credits, want)
	}
	return result, seconds
}

// published waits until what was cleared is published: the CPU of that counts too.
func (d *drain) published() {
	d.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for waiting := true; waiting; <-tick.C {
		d.must(d.ledger.Pool().QueryRow(d.Context(), "SELECT EXISTS (SELECT 1 FROM outbound)").Scan(&waiting))
	}
}

// close closes the day.
func (d *drain) close() {
	d.Helper()
	begun := time.Now()
	result, err := d.closer.Close(d.Context(), today, today.Next())
	d.must(err)
	seconds := time.Since(begun).Seconds()
	owed := map[string]int64{}
	for _, p := range result.Positions {
		owed[p.Participant.Code] = p.Fen
	}
	if want := int64(d.backlog.taps-(d.backlog.taps+9)/10) * benchFen; owed["operator:bus"] != want {
		d.Fatalf("the operator is owed %d fen, want %d", owed["operator:bus"], want)
	}
	d.ReportMetric(float64(d.backlog.taps)/seconds, "core.close_taps_per_second")
}
