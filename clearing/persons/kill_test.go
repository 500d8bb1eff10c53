package persons

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// line stands between a process and its database. It cuts the connection around one COMMIT: before
// the server receives it, or after the server has committed and before the client learns it.
type line struct {
	commits  atomic.Int64 // to pass before the cut
	answered bool
	act      func() // happens when the server has answered that commit, instead of a cut
	cuts     atomic.Int64
}

// newLine returns a line that is not armed, and the URL that leads through it.
func newLine(t *testing.T, rawURL string, answered bool) (l *line, through string) {
	t.Helper()
	l = &line{answered: answered}
	l.commits.Store(1 << 40)
	_, through = ledgertest.NewRelay(t, rawURL, l.pass)
	return l, through
}

func (l *line) pass(client, server net.Conn) {
	var deaf, acting atomic.Bool // the client hears nothing more; another process acts first
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.back(client, server, &deaf, &acting)
	}()
	defer func() {
		_ = server.Close()
		<-over
	}()
	for first := true; ; first = false {
		frame, err := ledgertest.Frame(client, first)
		if err != nil {
			return
		}
		cut := ledgertest.IsCommit(frame) && l.commits.Add(-1) == 0
		if cut && l.act != nil {
			acting.Store(true)
			cut = false
		}
		if cut {
			l.cuts.Add(1)
			if !l.answered {
				_ = client.Close()
				return
			}
			deaf.Store(true)
		}
		if _, err := server.Write(frame); err != nil {
			return
		}
		if cut { // the other direction closes both once the server has answered
			_, _ = io.Copy(io.Discard, client)
			return
		}
	}
}

func (l *line) back(client, server net.Conn, deaf, acting *atomic.Bool) {
	defer func() { _, _ = client.Close(), server.Close() }()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if err != nil || deaf.Load() {
			return // an answer that was read is one to what the server has done
		}
		if acting.CompareAndSwap(true, false) {
			l.act()
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// sevenRows have a refused row and a repeated one, and make three parts of three lines.
func sevenRows() []string {
	rows := []string{"x"}
	for n := range 5 {
		rows = append(rows, resident(n, "张三", "present", 20200101))
	}
	return append(rows, rows[1])
}

// TestCommitCut cuts the connection around each COMMIT of an import, before and after the server
// has committed: everything is stored once.
func TestCommitCut(t *testing.T) {
	for _, answered := range []bool{false, true} {
		for commit := int64(1); ; commit++ {
			w := newTown(t)
			line, through := newLine(t, w.url, answered)
			cut := townAt(t, through)
			line.commits.Store(commit)
			r := cut.imports(sevenRows()...)
			cut.ledger.Pool().Close()
			if r.Counts != (Counts{New: 5, Refused: 1, Repeated: 1}) {
				t.Errorf("answered %t, commit %d: %+v", answered, commit, r)
			}
			if p, r, parts := w.rows("persons"), w.rows("person_rejects"), w.rows("person_parts"); p != 5 || r != 1 || parts != 3 {
				t.Errorf("answered %t, commit %d: %d persons, %d rejects, %d parts", answered, commit, p, r, parts)
			}
			if entries, err := w.ledger.Audit(t.Context(), ActImport, ActEnd); err != nil || len(entries) != 2 || entries[1].Act != ActEnd {
				t.Errorf("answered %t, commit %d: %d entries in the audit, %v", answered, commit, len(entries), err)
			}
			if line.cuts.Load() == 0 {
				if commit < 9 { // a look, begin, a look and a store for each part, end
					t.Errorf("only %d commits", commit-1)
				}
				break
			}
		}
	}
}

// storing is how often an import goes back to a file's begin before it reads what it stores.
const storing = 3

// breaking is a file that cannot be read beyond a place in the reading that stores.
type breaking struct {
	io.ReadSeeker
	limit int64 // bytes of that reading
	seeks int
}

var errBroken = errors.New("the disk is gone")

func (b *breaking) Seek(offset int64, whence int) (int64, error) {
	b.seeks++
	return b.ReadSeeker.Seek(offset, whence)
}

func (b *breaking) Read(p []byte) (int, error) {
	if b.seeks < storing {
		return b.ReadSeeker.Read(p)
	}
	if b.limit == 0 {
		return 0, errBroken
	}
	n, err := b.ReadSeeker.Read(p[:min(int64(len(p)), b.limit)])
	b.limit -= int64(n)
	return n, err
}

// stopped begins an import that ends before its file does.
func (w *town) stopped(rows []string, bytes int) {
	w.Helper()
	if _, err := w.Import(w.Context(), &breaking{ReadSeeker: file(rows...), limit: int64(bytes)}, w.order()); !errors.Is(err, errBroken) {
		w.Fatalf("the import ended with %v", err)
	}
}

// TestStoppedGoesOn stops an import between two parts. Nothing of it counts, the same file goes on
// where it stopped, and in the end it is as if it had never stopped.
func TestStoppedGoesOn(t *testing.T) {
	whole := newTown(t)
	whole.imports(resident(1, "张三", "moved", 20190101))
	want := whole.imports(sevenRows()...)
	w := newTown(t)
	w.imports(resident(1, "张三", "moved", 20190101))
	w.stopped(sevenRows(), 280)
	stored := w.rows("persons")
	if parts := w.rows("person_parts"); parts < 2 || parts > 3 || stored < 3 {
		t.Fatalf("%d parts and %d persons were stored; the test wants some of the second import", parts, stored)
	}
	w.is(numberOf(0), "")
	w.is(numberOf(1), "张三 moved 20190101")
	if i, err := Report(t.Context(), w.ledger, 2); err != nil || i.State != Begun || i.Next <= FirstLine {
		t.Errorf("the import that stopped: %+v, %v", i, err)
	}
	got := w.imports(sevenRows()...)
	if !got.Resumed {
		t.Error("it did not go on")
	}
	if got.Resumed = false; got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	w.is(numberOf(1), "张三 present 20200101")
	for _, table := range []string{"persons", "person_rejects", "person_parts", "person_imports"} {
		if w.rows(table) != whole.rows(table) {
			t.Errorf("%s has %d rows, want %d", table, w.rows(table), whole.rows(table))
		}
	}
}

// TestStoppedIsUndone stops an import, and imports another file: it is refused, and with Undo the
// first import is taken away, but for its number and the audit's entry of that.
func TestStoppedIsUndone(t *testing.T) {
	w := newTown(t)
	w.imports(resident(1, "张三", "moved", 20190101))
	other := resident(9, "李四", "present", 20200101)
	w.stopped(sevenRows(), 280)
	order := w.order()
	if _, err := w.Import(t.Context(), file(other), order); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "import 2, which ann began at 2026-01-05 09:00:00") {
		t.Errorf("another file: %v", err)
	}
	dry := townAt(t, w.url, ledger.WithRehearsal())
	stopped := ledgertest.Dump(t, w.ledger.Pool())
	rehearsal := dry.order()
	rehearsal.Undo = true
	if r, err := dry.Import(t.Context(), file(other), rehearsal); err != nil || r.Number != 3 || r.Resumed || r.Counts.New != 1 {
		t.Errorf("rehearsed with Undo: %+v, %v", r, err)
	}
	if after := ledgertest.Dump(t, w.ledger.Pool()); after != stopped {
		t.Error("a rehearsal took something away")
	}
	// The undoing may have stopped behind its first step: nobody goes on with the import then.
	if _, err := w.ledger.Pool().Exec(t.Context(), "UPDATE person_imports SET state = 'undoing' WHERE state = 'begun'"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Import(t.Context(), file(sevenRows()...), order); !errors.Is(err, ErrUndoing) {
		t.Errorf("the same file while it is undone: %v", err)
	}
	order = w.orderOf("bob")
	order.Undo = true
	r, err := w.Import(t.Context(), file(other), order)
	if err != nil || r.Number != 3 || r.Resumed || r.Counts.New != 1 {
		t.Errorf("with Undo: %+v, %v", r, err)
	}
	w.holds(2, 0, 2)
	entries, err := w.ledger.Audit(t.Context(), ActUndo)
	if err != nil || len(entries) != 1 || entries[0].First != "bob" || !strings.Contains(entries[0].What, `"import":2,`) {
		t.Errorf("the audit has %+v, %v", entries, err)
	}
	if i, err := Report(t.Context(), w.ledger, 2); err != nil || i.State != Undone {
		t.Errorf("the import that was undone: %+v, %v", i, err)
	}
	w.is(numberOf(0), "")
	w.is(numberOf(1), "张三 moved 20190101")
	w.is(numberOf(9), "李四 present 20200101")
	if r := w.imports(sevenRows()...); r.Number != 4 || r.Resumed || r.Counts.New != 4 {
		t.Errorf("the undone roster, imported after all: %+v", r)
	}
}

// TestAnotherGoesOn stops an import, with which somebody else goes on, who signs for it; who opened
// it needs no second signature, and nobody signs for one that is done.
func TestAnotherGoesOn(t *testing.T) {
	w := newTown(t)
	rows := sevenRows()
	text := Header + "\n" + strings.Join(rows, "\n") + "\n"
	w.stopped(rows, 280)
	other := townAt(t, w.url)
	if _, err := other.Import(t.Context(), &breaking{ReadSeeker: file(rows...), limit: 340}, other.orderOf("bob")); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	if r := w.imports(rows...); !r.Resumed || r.By != "ann" {
		t.Errorf("ann goes on: %+v", r)
	}
	if r, err := other.Import(t.Context(), file(rows...), other.orderOf("bob")); err != nil || !r.Again {
		t.Errorf("bob, once it is done: %+v, %v", r, err)
	}
	want := fmt.Sprintf(": import persons: roster sha256:%x of %d bytes in utf-8", sha256.Sum256([]byte(text)), len(text))
	if signed := append(w.signed, other.signed...); !slices.Equal(signed, []string{"ann" + want, "bob" + want}) {
		t.Errorf("signed were %q, want %q of ann and bob", signed, want)
	}
	entries, err := w.ledger.Audit(t.Context(), ActImport)
	if err != nil || len(entries) != 2 || entries[0].First != "ann" || entries[1].First != "bob" || entries[0].What != entries[1].What {
		t.Errorf("the audit has %+v, %v", entries, err)
	}
}

// racing lets another process act before the reading that stores.
type racing struct {
	io.ReadSeeker
	seeks int
	acted bool
	act   func()
}

func (r *racing) Seek(offset int64, whence int) (int64, error) {
	r.seeks++
	return r.ReadSeeker.Seek(offset, whence)
}

func (r *racing) Read(p []byte) (int, error) {
	if r.seeks >= storing && !r.acted {
		r.acted = true
		r.act()
	}
	return r.ReadSeeker.Read(p)
}

// TestTwoAtOnce imports one file in two processes, and undoes an import while it runs: who comes
// second in the database stops, and nothing is stored twice.
func TestTwoAtOnce(t *testing.T) {
	w := newTown(t)
	other := townAt(t, w.url)
	_, err := w.Import(t.Context(), &racing{ReadSeeker: file(sevenRows()...), act: func() { other.imports(sevenRows()...) }}, w.order())
	if !errors.Is(err, ErrTaken) {
		t.Errorf("the second of two: %v", err)
	}
	if n := w.rows("persons"); n != 5 {
		t.Errorf("%d persons, want 5", n)
	}
	act := func() {
		order := other.order()
		order.Undo = true
		if _, err := other.Import(t.Context(), file(resident(9, "李四", "present", 20200101)), order); err != nil {
			t.Error(err)
		}
	}
	_, err = w.Import(t.Context(), &racing{ReadSeeker: file(resident(8, "王五", "present", 20200101)), act: act}, w.order())
	if !errors.Is(err, ErrTaken) {
		t.Errorf("one that was undone meanwhile: %v", err)
	}
	w.is(numberOf(8), "")
	w.is(numberOf(9), "李四 present 20200101")
}
