package persons

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// tables are those of persons, apart from the imports themselves.
var tables = []string{"persons", "person_rejects", "person_parts"}

// holds checks how many rows the tables have of people, rejects and parts.
func (w *town) holds(want ...int64) {
	w.Helper()
	for i, table := range tables {
		if n := w.rows(table); n != want[i] {
			w.Errorf("%d rows of %s, want %d", n, table, want[i])
		}
	}
}

// undoing imports rows, and takes away what another import has stored.
func (w *town) undoing(rows ...string) (Result, error) {
	order := w.order()
	order.Undo = true
	return w.Import(w.Context(), file(rows...), order)
}

// TestCommitCutWhileUndone cuts the connection around each COMMIT of an undoing: nothing is left of
// what the undone import had stored.
func TestCommitCutWhileUndone(t *testing.T) {
	for _, answered := range []bool{false, true} {
		for commit := int64(1); ; commit++ {
			w := newTown(t)
			w.stopped(sevenRows(), 340)
			line, through := newLine(t, w.url, answered)
			cut := townAt(t, through)
			line.commits.Store(commit)
			r, err := cut.undoing(resident(9, "李四", "present", 20200101))
			cut.ledger.Pool().Close()
			if err != nil || r.Counts != (Counts{New: 1}) {
				t.Fatalf("answered %t, commit %d: %+v, %v", answered, commit, r, err)
			}
			w.holds(1, 0, 1)
			if t.Failed() {
				t.Fatalf("answered %t, commit %d: see above", answered, commit)
			}
			if line.cuts.Load() == 0 {
				if commit < 10 { // a look, mark, a page, its rows, rejects, end; begin, a look, a store, end
					t.Errorf("only %d commits", commit-1)
				}
				break
			}
		}
	}
}

// TestUndoneInPages undoes an import of more rows than an undoing looks at in one transaction; it
// has people who were known and others, and refused lines. The people who were known stay so.
func TestUndoneInPages(t *testing.T) {
	w := newTown(t)
	var first, second []string
	for n := range 30 {
		if n < 20 {
			first = append(first, resident(n, "张三", "moved", 20190101))
		}
		second = append(second, resident(n, "张三", "present", 20200101), "x")
	}
	w.imports(first...)
	w.stopped(second, len(Header)+1+30*(len(second[0])+1+2)-2) // but the last line
	if people, rejects := w.rows("persons"), w.rows("person_rejects"); people < 20+26 || rejects < 26 {
		t.Fatalf("%d persons and %d rejects were stored; the test wants more than four pages", people, rejects)
	}
	if r, err := w.undoing(resident(0, "张三", "present", 20200101)); err != nil || r.Counts != (Counts{Exact: 1, Present: 1, Known: 1, Agreed: 1}) {
		t.Fatalf("%+v, %v", r, err)
	}
	w.holds(20+1, 0, 7+1)
	for n := range 30 {
		want := ""
		switch {
		case n == 0:
			want = "张三 present 20200101"
		case n < 20:
			want = "张三 moved 20190101"
		}
		w.is(numberOf(n), want)
	}
}

// TestUndoneBeforeItsFirstPart undoes an import that has stored nothing yet, and begins one of
// another file: the process that still imports the first file writes nothing into that one.
func TestUndoneBeforeItsFirstPart(t *testing.T) {
	w := newTown(t)
	other := townAt(t, w.url)
	act := func() {
		order := other.order()
		order.Undo = true
		if _, err := other.Import(t.Context(), &breaking{ReadSeeker: file(resident(9, "李四", "present", 20200101))}, order); !errors.Is(err, errBroken) {
			t.Errorf("the second file: %v", err)
		}
	}
	_, err := w.Import(t.Context(), &racing{ReadSeeker: file(resident(8, "王五", "present", 20200101)), act: act}, w.order())
	if !errors.Is(err, ErrTaken) {
		t.Errorf("the import that was undone: %v", err)
	}
	w.holds(0, 0, 0)
	if r := other.imports(resident(9, "李四", "present", 20200101)); r.Again || r.Counts != (Counts{New: 1}) {
		t.Errorf("the second file, again: %+v", r)
	}
	w.is(numberOf(8), "")
	w.is(numberOf(9), "李四 present 20200101")
}

// TestUndoneTwiceAtOnce undoes an import in two processes. One of them goes on when the other has
// ended an import of its own already: of that one nothing is taken away.
func TestUndoneTwiceAtOnce(t *testing.T) {
	for commit := int64(1); commit <= 6; commit++ {
		w := newTown(t)
		w.stopped(sevenRows(), 340)
		line, through := newLine(t, w.url, true)
		slow := townAt(t, through)
		line.act = func() {
			if r, err := w.undoing(sevenRows()[:6]...); err != nil || r.Counts.New != 5 {
				t.Errorf("the faster one: %+v, %v", r, err)
			}
		}
		line.commits.Store(commit)
		_, err := slow.undoing(resident(9, "李四", "present", 20200101))
		slow.ledger.Pool().Close()
		if err != nil {
			t.Errorf("commit %d: the slower one: %v", commit, err)
		}
		w.holds(6, 1, 3)
		w.is(numberOf(1), "张三 present 20200101")
		w.is(numberOf(9), "李四 present 20200101")
		if t.Failed() {
			t.Fatalf("commit %d: see above", commit)
		}
	}
}

// TestUndoneForAnother undoes an import in two processes. When the slower one goes on, the faster
// one has undone it, and its own import has not ended: that one is in the way now, and nothing of
// it is taken away. The slower one goes on behind one of its commits, or has lost the answer to its
// marking.
func TestUndoneForAnother(t *testing.T) {
	const mark = 2
	for commit := int64(1); commit <= 7; commit++ {
		w := newTown(t)
		w.stopped(sevenRows(), 340)
		line, through := newLine(t, w.url, true)
		faster := sync.OnceFunc(func() {
			order := w.orderOf("bob")
			order.Undo = true
			if _, err := w.Import(t.Context(), &breaking{ReadSeeker: file(sevenRows()[:6]...), limit: 280}, order); !errors.Is(err, errBroken) {
				t.Errorf("the faster one: %v", err)
			}
		})
		var slow *town
		if line.commits.Store(commit); commit <= 6 {
			slow, line.act = townAt(t, through), faster
		} else {
			slow = townAt(t, through, ledger.WithRetryHook(func(string) { faster() }))
			line.commits.Store(mark)
		}
		_, err := slow.undoing(resident(9, "李四", "present", 20200101))
		slow.ledger.Pool().Close()
		if !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "import 2, which bob began") {
			t.Errorf("commit %d: the slower one: %v", commit, err)
		}
		if i, err := Report(t.Context(), w.ledger, 2); err != nil || i.State != Begun || i.Counts.New == 0 || w.rows("persons") != i.Counts.New {
			t.Errorf("commit %d: the faster one's import: %+v, %v, and %d persons", commit, i, err, w.rows("persons"))
		}
		if r := w.imports(sevenRows()[:6]...); !r.Resumed || r.Counts != (Counts{New: 5, Refused: 1}) {
			t.Errorf("commit %d: the faster one's import goes on: %+v", commit, r)
		}
		w.holds(5, 1, 2)
		if t.Failed() {
			t.Fatalf("commit %d: see above", commit)
		}
	}
}

// TestFileChanges alters a file before the reading that stores, in its second part of three. The
// import does not end, or the process is killed behind that part. Nothing of the altered lines is
// stored, so the file as it was goes on.
func TestFileChanges(t *testing.T) {
	for _, limit := range []int64{1 << 20, 340} {
		w := newTown(t)
		rows := sevenRows()
		text := []byte(Header + "\n" + strings.Join(rows, "\n") + "\n")
		alter := func() {
			at := bytes.Index(text, []byte(numberOf(3)+",张三,,present,2020"))
			text[at+len(numberOf(3)+",张三,,present,")+3]++
		}
		_, err := w.Import(t.Context(), &racing{ReadSeeker: &breaking{ReadSeeker: bytes.NewReader(text), limit: limit}, act: alter}, w.order())
		if !errors.Is(err, ErrChanged) {
			t.Errorf("a file that changed, read up to %d: %v", limit, err)
		}
		w.is(numberOf(3), "")
		if entries, err := w.ledger.Audit(t.Context(), ActEnd); err != nil || len(entries) > 0 {
			t.Errorf("%d entries in the audit, %v", len(entries), err)
		}
		if r := w.imports(rows...); !r.Resumed || r.Counts != (Counts{New: 5, Refused: 1, Repeated: 1}) {
			t.Errorf("the file as it was: %+v", r)
		}
		w.is(numberOf(3), "张三 present 20200101")
		w.is(numberOf(4), "张三 present 20200101")
	}
}

// TestFileChangesBeforeItIsSurveyed alters a file between its hash and its survey: nothing is
// begun, or what was begun stays as it was, and the number tells which.
func TestFileChangesBeforeItIsSurveyed(t *testing.T) {
	w := newTown(t)
	rows := sevenRows()
	for begun := range int32(2) {
		changing := &swapped{ReadSeeker: file(rows...), other: file(rows[:6]...), seeks: 1}
		if r, err := w.Import(t.Context(), changing, w.order()); !errors.Is(err, ErrChanged) || r.Number != begun {
			t.Errorf("%d begun: import %d, %v", begun, r.Number, err)
		}
		if n := w.rows("person_imports"); n != int64(begun) {
			t.Errorf("%d imports, want %d", n, begun)
		}
		if begun == 0 {
			w.stopped(rows, 280)
		}
	}
	if r := w.imports(rows...); !r.Resumed || r.Number != 1 || r.Counts != (Counts{New: 5, Refused: 1, Repeated: 1}) {
		t.Errorf("the file as it was: %+v", r)
	}
}

// TestFileGrows adds a line to a file, and takes its last one, before the reading that stores.
func TestFileGrows(t *testing.T) {
	rows := sevenRows()
	for _, other := range [][]string{rows[:6], append(sevenRows(), resident(9, "李四", "present", 20200101))} {
		w := newTown(t)
		changing := &swapped{ReadSeeker: file(rows...), other: file(other...)}
		if _, err := w.Import(t.Context(), changing, w.order()); !errors.Is(err, ErrChanged) {
			t.Errorf("%d lines in place of %d: %v", len(other), len(rows), err)
		}
		w.is(numberOf(9), "")
		if r := w.imports(rows...); r.Counts != (Counts{New: 5, Refused: 1, Repeated: 1}) {
			t.Errorf("the file as it was: %+v", r)
		}
		w.holds(5, 1, 3)
	}
}

// swapped is another file in the reading that stores.
type swapped struct {
	io.ReadSeeker
	other io.ReadSeeker
	seeks int
}

func (s *swapped) Seek(offset int64, whence int) (int64, error) {
	if s.seeks++; s.seeks == storing {
		s.ReadSeeker = s.other
	}
	return s.ReadSeeker.Seek(offset, whence)
}

// TestResumedOnAnotherDay stops an import that has a line of a day to come, and its twin behind the
// place where it stopped. It goes on when that day has come: the result is that of the first day.
func TestResumedOnAnotherDay(t *testing.T) {
	rows := []string{
		resident(1, "张三", "present", 20260106), resident(2, "李四", "present", 20200101), resident(3, "王五", "present", 20200101),
		resident(4, "赵六", "present", 20200101), resident(1, "张三", "present", 20260106), resident(5, "孙八", "present", 20260106),
	}
	w := newTown(t)
	w.stopped(rows, 300)
	order := w.order()
	order.At = order.At.AddDate(0, 0, 1)
	r, err := w.Import(t.Context(), file(rows...), order)
	if err != nil || !r.Resumed {
		t.Fatalf("resumed %t, %v", r.Resumed, err)
	}
	w.counts(r.Counts, Counts{New: 3, Refused: 3})
	w.is(numberOf(1), "")
	w.is(numberOf(5), "")
}

// TestResumedInAnotherEncoding goes on with an import in another encoding than it was begun in: it
// is refused, and with Undo begins again.
func TestResumedInAnotherEncoding(t *testing.T) {
	w := newTown(t)
	rows := []string{"passport,USA-1,ANN,,present,20200101,", "x", "x", "passport,USA-2,BOB,,present,20200101,"}
	w.stopped(rows, 100)
	order := w.order()
	order.Charset = GB18030
	if _, err := w.Import(t.Context(), file(rows...), order); !errors.Is(err, ErrCharset) {
		t.Errorf("it went on: %v", err)
	}
	order.Undo = true
	if r, err := w.Import(t.Context(), file(rows...), order); err != nil || r.Resumed || r.Counts != (Counts{New: 2, Refused: 2}) {
		t.Errorf("with Undo: %+v, %v", r, err)
	}
	w.holds(2, 2, 2)
}

// TestBirthIsTold imports a roster that says nothing new but a birth date. It is kept, and holds
// against the one of another roster.
func TestBirthIsTold(t *testing.T) {
	w := newTown(t)
	w.imports("foreigner,ABC999978010101,BOB,,present,20200101,")
	w.imports("foreigner,ABC999978010101,BOB,19780101,present,20200101,")
	token := Token(w.token("ABC999978010101"))
	known, err := w.known(t.Context(), []Token{token})
	if err != nil || known[token].Born != ledger.Day(19780101) {
		t.Errorf("known is %+v, %v", known[token], err)
	}
	if r := w.imports("foreigner,ABC999978010101,BOB,19790101,present,20200101,"); r.Counts.Conflicting != 1 {
		t.Errorf("another birth date: %+v", r.Counts)
	}
	if r := w.imports("foreigner,ABC999978010101,BOB,19780101,present,20200101,\n" + resident(1, "张三", "present", 20200101)); r.Counts.Exact != 1 || w.rows("persons") != 3 {
		t.Errorf("the known birth date: %+v, %d rows", r.Counts, w.rows("persons"))
	}
}

// oncePipe is a file that cannot go back.
type oncePipe struct{ io.ReadSeeker }

func (oncePipe) Seek(int64, int) (int64, error) { return 0, errBroken }

// TestPipe imports a roster that can be read only once: nothing is begun. A disk that fails is not
// the roster's fault.
func TestPipe(t *testing.T) {
	w := newTown(t)
	var fit *FileError
	if _, err := w.Import(t.Context(), oncePipe{file(sevenRows()...)}, w.order()); !errors.As(err, &fit) {
		t.Errorf("a pipe: %v", err)
	}
	t.Setenv("TMPDIR", "/nowhere")
	if _, err := w.Import(t.Context(), file(sevenRows()...), w.order()); err == nil || errors.As(err, &fit) {
		t.Errorf("without a place for temporary files: %v", err)
	}
	if n := w.rows("person_imports"); n != 0 {
		t.Errorf("%d imports", n)
	}
}

// TestManyTwins surveys rosters that name people too often: they are refused before memory is full.
func TestManyTwins(t *testing.T) {
	for _, test := range []struct{ twins, piece, rows, others int }{{10, 100, 11, 0}, {10, 100, 6, 5}, {1000, 20, 21, 0}} {
		list, err := newTokenList()
		if err != nil {
			t.Fatal(err)
		}
		list.twins, list.piece = test.twins, test.piece
		for i := range test.rows + test.others {
			r := &row{token: Token{1}, line: int64(i)}
			if i >= test.rows {
				r.token[0] = 2
			}
			err = errors.Join(err, list.add(r))
		}
		if err == nil {
			_, err = list.findTwins()
		}
		list.close()
		if fit := (*FileError)(nil); !errors.As(err, &fit) || !strings.Contains(err.Error(), "the file is no roster of persons") {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// TestKeysOfOthers imports under another key store than that of the persons who are known: nothing
// is begun. After a rotation it is the same key store.
func TestKeysOfOthers(t *testing.T) {
	w := newTown(t)
	w.imports(resident(1, "张三", "present", 20200101))
	store, err := NewStore(w.ledger, otherKeys().Held(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	other := &town{TB: t, Store: store, url: w.url}
	imports := w.rows("person_imports")
	if r, err := other.Import(t.Context(), file(resident(1, "张三", "moved", 20250101)), w.order()); !errors.Is(err, ErrKeys) {
		t.Errorf("under other keys: %+v, %v", r, err)
	}
	if n := w.rows("person_imports"); n != imports {
		t.Errorf("%d imports, want %d", n, imports)
	}
	w.holds(1, 0, 1)
	c, _ := ParseCertificate(numberOf(1))
	if _, _, err := other.Find(t.Context(), c, ledger.Approval{First: "wang", Reason: "x", At: morning}); !errors.Is(err, ErrKeys) {
		t.Errorf("looked for under other keys: %v", err)
	}
}

// TestStoppedUnderOtherKeys stops a first import that was begun under a wrong key store. Under the
// right one it does not go on; with Undo it is taken away, and the same file begins again. Once
// people are known under the right one, nothing is undone under the wrong one.
func TestStoppedUnderOtherKeys(t *testing.T) {
	w := newTown(t)
	store, err := NewStore(w.ledger, otherKeys().Held(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	wrong := &town{TB: t, Store: store, url: w.url}
	wrong.stopped(sevenRows(), 340)
	if r, err := w.Import(t.Context(), file(sevenRows()...), w.order()); !errors.Is(err, ErrKeys) {
		t.Errorf("under the right keys: %+v, %v", r, err)
	}
	dry := townAt(t, w.url, ledger.WithRehearsal())
	stopped := ledgertest.Dump(t, w.ledger.Pool())
	want := Counts{New: 5, Refused: 1, Repeated: 1}
	if r, err := dry.undoing(sevenRows()...); err != nil || r.Number != 2 || r.Resumed || r.Counts != want {
		t.Errorf("rehearsed with Undo: %+v, %v", r, err)
	}
	if ledgertest.Dump(t, w.ledger.Pool()) != stopped {
		t.Error("a rehearsal took something away")
	}
	if r, err := w.undoing(sevenRows()...); err != nil || r.Number != 2 || r.Resumed || r.Counts != want {
		t.Errorf("with Undo: %+v, %v", r, err)
	}
	w.holds(5, 1, 3)
	w.is(numberOf(1), "张三 present 20200101")
	rows := []string{resident(1, "张三", "moved", 20250101), "x", "x", "x"}
	w.stopped(rows, 100)
	stopped = ledgertest.Dump(t, w.ledger.Pool())
	if r, err := wrong.undoing(rows...); !errors.Is(err, ErrKeys) {
		t.Errorf("with Undo, under the wrong keys: %+v, %v", r, err)
	}
	if ledgertest.Dump(t, w.ledger.Pool()) != stopped {
		t.Error("the wrong keys took something away")
	}
}
