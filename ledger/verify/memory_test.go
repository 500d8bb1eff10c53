package verify_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
	"citycard/ledger/verify"
)

const exportBatch = 5000

// writeExport writes a true export of so many batches, without a database: taps with 180 bytes of
// evidence, in batches of 5,000. After each it calls posted.
func writeExport(w io.Writer, batches int, posted func(batch int)) error {
	e, err := export.NewWriter(w, "none")
	if err != nil {
		return err
	}
	float, bus := ledger.IDOfCode("float"), ledger.IDOfCode("bus")
	stream := ledger.IDOfStream("taps")
	var amount ledger.Fen
	var head chain.Hash
	err = beginning(e)
	// A stream's line comes before its rows and tells its head; the chain is worked out twice.
	for n := range batches {
		link, _ := exportedBatch(n, stream, float, bus, head, nil)
		head = link.Head
	}
	last := int64(batches)
	err = errors.Join(err, e.Line(&export.Line{Stream: &export.Stream{Stream: "taps", Number: stream, Next: last, Sequence: last, Day: today, Head: head, Lease: chain.LeaseHash("taps", 0, "")}}))
	head = chain.Hash{}
	for n := range batches {
		var rows []ledger.Row
		var link chain.Link
		link, rows = exportedBatch(n, stream, float, bus, head, rows)
		head = link.Head
		err = errors.Join(err, e.Line(&export.Line{Batch: &link}))
		for i := range rows {
			amount += rows[i].Amount
			if err == nil {
				err = e.Line(&export.Line{Row: &rows[i]})
			}
		}
		posted(n)
	}
	err = errors.Join(err,
		e.Line(&export.Line{Balance: &export.Balance{Account: float, Debits: amount}}), e.Line(&export.Line{Balance: &export.Balance{Account: bus, Credits: amount}}),
		e.Line(&export.Line{Turnover: &export.Turnover{Account: float, Day: today, Debits: amount}}),
		e.Line(&export.Line{Turnover: &export.Turnover{Account: bus, Day: today, Credits: amount}}),
		e.Line(&export.Line{Day: &export.Day{Day: today, State: ledger.DayOpen}}))
	return errors.Join(err, e.End())
}

// beginning writes the audit of a day and two accounts that were opened, and the accounts.
func beginning(e *export.Writer) error {
	accounts := []ledger.Account{{Code: "float", Kind: ledger.Liability, Shards: 1}, {Code: "bus", Kind: ledger.Liability, Shards: 1}}
	slices.SortFunc(accounts, func(a, b ledger.Account) int { return cmp.Compare(ledger.IDOfCode(a.Code), ledger.IDOfCode(b.Code)) })
	var tree chain.Tree
	var lines []*export.Line
	for _, a := range accounts {
		tree.Add(a.OpeningHash())
		lines = append(lines, &export.Line{Account: &export.Account{
			Account: ledger.IDOfCode(a.Code), Code: a.Code, Kind: a.Kind, Shards: 1, Version: 1, Opened: 1, Hash: a.OpeningHash(),
		}})
	}
	entries := []chain.AuditEntry{
		{Number: 1, Act: chain.ActOpenDay, What: fmt.Sprintf(`{"day":%d}`, today)},
		{Number: 2, Act: chain.ActOpenAccounts, What: fmt.Sprintf(`{"version":1,"accounts":2,"root":"%x"}`, tree.Root())},
	}
	const id = "11111111-2222-4333-8444-555555555555"
	last := chain.AuditStart(id)
	if err := e.Line(&export.Line{Books: &export.Identity{ID: id}}); err != nil {
		return err
	}
	for i := range entries {
		entries[i].At = time.Unix(0, 0)
		entries[i].Hash = entries[i].HashAfter(last)
		last = entries[i].Hash
		if err := e.Line(&export.Line{Audit: &entries[i]}); err != nil {
			return err
		}
	}
	if err := e.Line(&export.Line{Chart: &export.Chart{Version: 1, Audit: 2, AuditHash: last}}); err != nil {
		return err
	}
	return errors.Join(e.Line(lines[0]), e.Line(lines[1]))
}

func exportedBatch(n int, stream ledger.StreamID, debit, credit ledger.AccountID, previous chain.Hash, rows []ledger.Row) (chain.Link, []ledger.Row) {
	link := chain.Link{Stream: stream, Sequence: int64(n) + 1, From: int64(n), Next: int64(n) + 1, Day: today, At: time.Unix(1767614400, 0), Transfers: exportBatch}
	var tree chain.Tree
	for i := range exportBatch {
		seed := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n*exportBatch+i)))
		r := ledger.Row{
			Day: today, Subject: ledger.Subject(seed[:10]), ID: ledger.ID(seed[10:22]), Debit: debit, Credit: credit, Amount: ledger.Fen(100 + i%400), Purpose: 1,
			Evidence: []byte(strings.Repeat(string(seed[:18]), 10)), BookingDay: today, Stream: stream, Sequence: link.Sequence, Position: int32(i),
		}
		r.ID = ledger.ID("\x01" + r.ID)
		r.Hash = r.ContentHash()
		tree.Add(r.Hash)
		rows = append(rows, r)
	}
	link.Root = tree.Root()
	link.Head = link.HeadAfter(previous)
	return link, rows
}

// verifyWritten verifies an export of so many batches as it is written.
func verifyWritten(t testing.TB, batches int, posted func(batch int)) {
	t.Helper()
	from, to := io.Pipe()
	go func() { to.CloseWithError(writeExport(to, batches, posted)) }()
	verifyTrue(t, from, batches)
}

// verifyTrue verifies an export that is true.
func verifyTrue(t testing.TB, from io.Reader, batches int) {
	t.Helper()
	summary, err := verify.Export(from, nil, func(f verify.Fault) { t.Errorf("fault %v", f) })
	if err != nil || summary.Transfers != int64(batches)*exportBatch {
		t.Fatalf("%+v, %v", summary, err)
	}
}

// TestExportInConstantMemory compares what is in use after some batches with what is after many.
func TestExportInConstantMemory(t *testing.T) {
	const early, late = 10, 110
	inUse := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var before, after int64
	verifyWritten(t, late+1, func(batch int) {
		switch batch {
		case early:
			before = inUse()
		case late:
			after = inUse()
		}
	})
	// What is on its way between the processors differs by a batch or two, about 2 MB. Eight bytes
	// kept for each of half a million rows would be more than this.
	if grown := after - before; grown > 7*(late-early)*exportBatch {
		t.Errorf("after %d rows %d bytes more are in use than after %d", (late+1)*exportBatch, grown, (early+1)*exportBatch)
	}
}

// BenchmarkExport verifies files of 300 thousand and of three million rows: rows a second of the
// second, and the most memory that was resident with each.
func BenchmarkExport(b *testing.B) {
	const few, many = 60, 600
	verified := func(batches int) (seconds, peakMB float64) {
		path := filepath.Join(b.TempDir(), "books")
		file, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		defer file.Close()
		if err = writeExport(file, batches, func(int) {}); err != nil {
			b.Fatal(err)
		}
		if _, err = file.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		start := time.Now()
		watched := &watchedFile{Reader: file, peak: func() { peakMB = max(peakMB, residentMB(b)) }}
		verifyTrue(b, watched, batches)
		return time.Since(start).Seconds(), peakMB
	}
	for range b.N {
		_, small := verified(few)
		seconds, large := verified(many)
		b.ReportMetric(many*exportBatch/seconds, "verify.export_rows_per_second")
		b.ReportMetric(large, "verify.export_rss_mb")
		b.ReportMetric(large/small, "verify.export_rss_3m_over_300k")
	}
}

// watchedFile looks at the memory now and then as it is read.
type watchedFile struct {
	io.Reader
	peak  func()
	reads int
}

func (w *watchedFile) Read(p []byte) (int, error) {
	if w.reads++; w.reads%64 == 0 {
		w.peak()
	}
	return w.Reader.Read(p)
}

// residentMB returns how much of this process is in memory.
func residentMB(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kB float64
	if _, err = fmt.Sscan(rest, &kB); err != nil {
		b.Fatalf("resident memory: %v", err)
	}
	return kB / 1024
}
