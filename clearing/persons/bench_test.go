package persons

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"citycard/ledger/ledgertest"
)

// BenchmarkImport imports invented residents into empty tables, then the same people again in a
// roster in which a hundredth have moved away. It reports rows a second of both, what a person
// takes in the database, index included, and the memory that the process got from the system.
func BenchmarkImport(b *testing.B) {
	usual := uint64(300_000)
	if os.Getenv("FULL") != "" {
		usual = 10_000_000
	}
	rows := int(ledgertest.Setting(b, "PERSONS", usual))
	dir := b.TempDir()
	first, second := filepath.Join(dir, "first.csv"), filepath.Join(dir, "second.csv")
	writeRoster(b, first, rows, rows+1)
	writeRoster(b, second, rows, 100)
	for b.Loop() {
		w := newTown(b)
		lap := func(path string) (counts Counts, perSecond float64) {
			roster, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			defer roster.Close()
			began := time.Now()
			order := w.order()
			order.Part = 0
			r, err := w.Import(b.Context(), roster, order)
			if err != nil {
				b.Fatal(err)
			}
			return r.Counts, float64(rows) / time.Since(began).Seconds()
		}
		counts, perSecond := lap(first)
		if counts.New != int64(rows) {
			b.Fatalf("%+v", counts)
		}
		b.ReportMetric(perSecond, "persons.import_per_second")
		b.ReportMetric(w.bytes()/float64(rows), "persons.bytes_each")
		if counts, perSecond = lap(second); counts.Exact != int64(rows) || counts.Moved != int64(rows+99)/100 {
			b.Fatalf("%+v", counts)
		}
		b.ReportMetric(perSecond, "persons.again_per_second")
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(memory.Sys)/1e6, "persons.import_mb")
	}
}

// bytes are those of the tables and indexes of persons and parts.
func (w *town) bytes() (n float64) {
	w.Helper()
	err := w.ledger.Pool().QueryRow(w.Context(), "SELECT (pg_total_relation_size('persons') + pg_total_relation_size('person_parts'))::FLOAT8").Scan(&n)
	if err != nil {
		w.Skip("only PostgreSQL tells the size of a table so: ", err)
	}
	return n
}

// writeRoster writes residents, of whom each nth has moved away.
func writeRoster(b *testing.B, path string, rows, nth int) {
	b.Helper()
	roster, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(roster)
	fmt.Fprintln(out, Header)
	names := []rune("王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗")
	for i := range rows {
		born := time.Date(1930, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i/999)
		number := withCheck(fmt.Sprintf("419999%s%03d", born.Format("20060102"), i%999))
		status, since := "present", 20200101
		if i%nth == 0 && nth <= rows {
			status, since = "moved", 20250101
		}
		name := string([]rune{names[i%len(names)], names[i/7%len(names)], names[i/31%len(names)]})
		fmt.Fprintf(out, "resident,%s,%s,,%s,%d,\n", number, name, status, since)
	}
	if err := out.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := roster.Close(); err != nil {
		b.Fatal(err)
	}
}
