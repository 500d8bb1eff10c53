package api_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/people/api"
	"citycard/clearing/persons"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// load posts so many transfers a second into the books of the town, in batches, until stop is
// closed, and gives how many it has posted.
func (w *town) load(perSecond int, stop <-chan struct{}) (posted int) {
	const every = 100 * time.Millisecond
	l := w.staff.Ledger
	lease, err := l.Lease(w.Context(), "taps/0", "bench", 0)
	w.must(err)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for next := int64(0); ; {
		select {
		case <-stop:
			return posted
		case <-tick.C:
		}
		batch := &ledger.Batch{Stream: "taps/0", Epoch: lease.Epoch, From: next, Next: next + int64(perSecond/10), Day: lease.Day}
		for n := next; n < batch.Next; n++ {
			batch.Transfers = append(batch.Transfers, ledger.Transfer{
				Day: lease.Day, Subject: ledger.Subject(fmt.Sprintf("card %d", n%100_000)), ID: ledger.ID(fmt.Sprintf("tap %d", n)),
				Debit: ledger.IDOfCode("float"), Credit: ledger.IDOfCode("operator"), Amount: 200, Purpose: chart.PurposeBus, Evidence: make([]byte, 180),
			})
		}
		_, err := l.Post(w.Context(), batch)
		w.must(err)
		next = batch.Next
		posted += len(batch.Transfers)
	}
}

// BenchmarkAct has people propose and approve over the socket while taps are posted in the same
// database.
func BenchmarkAct(b *testing.B) {
	const perSecond, acts = 30_000, 200
	w := newTown(b, 10_000)
	ann, bob := w.socket("ann"), w.client("bob")
	w.must(w.staff.Ledger.OpenAccounts(b.Context(), []ledger.Account{{Code: "float", Kind: ledger.Liability, Owner: "issuer"}, {Code: "operator", Kind: ledger.Liability, Owner: "operator"}}))
	for b.Loop() {
		stop := make(chan struct{})
		var posting sync.WaitGroup
		posted, began := 0, time.Now()
		posting.Go(func() { posted = w.load(perSecond, stop) })
		var took []time.Duration
		timed := func(act func() error) {
			start := time.Now()
			w.must(act())
			took = append(took, time.Since(start))
		}
		for n := range acts {
			draft, err := ann.Draft(b.Context(), chart.LimitName, w.limit(ledger.Fen(2000+n)), "contract", false, false)
			w.must(err)
			v := draft
			timed(func() (err error) { v, err = ann.Propose(b.Context(), draft, false); return err })
			timed(func() error {
				_, err := bob.Approve(b.Context(), v.Number, v.Hash, v.Reason, false)
				return err
			})
		}
		close(stop)
		posting.Wait()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "api.act_p99_ms")
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "api.act_p50_ms")
		b.ReportMetric(float64(posted)/time.Since(began).Seconds(), "api.beside_per_second")
	}
}

// BenchmarkImportOverAPI imports invented people from a file through the socket. It reports rows a
// second, and the memory that client and server, which are one process here, got from the system.
func BenchmarkImportOverAPI(b *testing.B) {
	rows := int(ledgertest.Setting(b, "PERSONS", 300_000))
	path := filepath.Join(b.TempDir(), "roster.csv")
	roster, err := os.Create(path)
	if err == nil {
		out := bufio.NewWriter(roster)
		fmt.Fprintln(out, persons.Header)
		for n := range rows {
			fmt.Fprintf(out, "passport,USA-%09d,ANN LEE,19800101,present,20200101,\n", n)
		}
		err = errors.Join(out.Flush(), roster.Close())
	}
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w := newTown(b, 1000)
		ann := w.socket("ann")
		roster, err := os.Open(path)
		w.must(err)
		defer roster.Close()
		began := time.Now()
		from, err := persons.SourceOf(roster)
		w.must(err)
		last, _, err := ann.ImportPersons(b.Context(), &api.RosterOrder{Source: from, Charset: persons.UTF8, Reason: "monthly"}, unheard)
		w.must(err)
		if last.Import.Counts.New != int64(rows) {
			b.Fatalf("%+v", last.Import.Counts)
		}
		b.ReportMetric(float64(rows)/time.Since(began).Seconds(), "persons.api_import_per_second")
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.Sys)/1e6, "persons.api_import_mb")
	}
}
