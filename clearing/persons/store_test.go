package persons

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// town is a database with persons in it.
type town struct {
	testing.TB
	*Store
	url    string
	faults []string // of the import made last: line and reason
	signed []string // what was signed for, of all imports
}

func newTown(t testing.TB, options ...ledger.Option) *town {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	return townAt(t, url, options...)
}

// townAt is another process on the same database.
func townAt(t testing.TB, url string, options ...ledger.Option) *town {
	t.Helper()
	store, err := NewStore(ledgertest.Connect(t, url, 4, options...), keys.GenerateTest(1).Held(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return &town{TB: t, Store: store, url: url}
}

var morning = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func (w *town) order() Order { return w.orderOf("ann") }

// orderOf is an order of somebody, for whose signature a name stands.
func (w *town) orderOf(person string) Order {
	w.faults = nil
	return Order{
		Charset: UTF8, Part: 3, Person: person, At: morning,
		Sign: func(act, what string) (ledger.Approval, error) {
			w.signed = append(w.signed, fmt.Sprintf("%s: %s: %s", person, act, what))
			return ledger.Approval{First: person, Reason: "monthly", At: morning}, nil
		},
		Faults: func(r *Reject) {
			w.faults = append(w.faults, fmt.Sprintf("%d %s %s", r.Line, r.Field, r.Reason))
		},
	}
}

// Import imports a roster from a file.
func (w *town) Import(ctx context.Context, file io.ReadSeeker, o Order) (Result, error) {
	from, err := SourceOf(file)
	if err != nil {
		return Result{}, err
	}
	return w.Store.Import(ctx, from, o)
}

// imports imports rows, which are behind a header.
func (w *town) imports(rows ...string) Result {
	w.Helper()
	r, err := w.Import(w.Context(), file(rows...), w.order())
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func file(rows ...string) io.ReadSeeker {
	return strings.NewReader(Header + "\n" + strings.Join(rows, "\n") + "\n")
}

// numberOf is an invented number of the district that is nobody's.
func numberOf(n int) string {
	return withCheck(fmt.Sprintf("41999919%02d0101%03d", n/1000%100, n%1000))
}

// resident is a row of a roster.
func resident(n int, name, status string, since int, former ...string) string {
	return fmt.Sprintf("resident,%s,%s,,%s,%d,%s", numberOf(n), name, status, since, strings.Join(former, ""))
}

// is checks what is known of a person: "name status since", or "" for nothing.
func (w *town) is(number, want string) {
	w.Helper()
	token := Token(w.token(number))
	known, err := w.known(w.Context(), []Token{token, {1}})
	if err != nil {
		w.Fatal(err)
	}
	got := ""
	if p, ok := known[token]; ok {
		got = fmt.Sprintf("%s %s %s", p.Name, p.Status, p.Since)
		if p.Certificate.Number != number {
			w.Errorf("%s has the number %s", number, p.Certificate.Number)
		}
	}
	if got != want {
		w.Errorf("%s: %q, want %q", number, got, want)
	}
}

func (w *town) counts(got, want Counts) {
	w.Helper()
	if got != want {
		w.Errorf("counts\n%+v, want\n%+v", got, want)
	}
}

func (w *town) refused(want ...string) {
	w.Helper()
	if strings.Join(w.faults, "; ") != strings.Join(want, "; ") {
		w.Errorf("refused %q, want %q", w.faults, want)
	}
}

// rows counts the rows of a table.
func (w *town) rows(table string) (n int64) {
	w.Helper()
	if err := w.ledger.Pool().QueryRow(w.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

// TestImports imports rosters one after the other: people arrive, move away, come back, die, change
// their names; the same roster twice changes nothing.
func TestImports(t *testing.T) {
	w := newTown(t)
	first := []string{
		resident(1, "张三", "present", 20200101), resident(2, "买买提·艾力", "present", 20200101), resident(3, "李四", "present", 20200101),
		resident(4, "王五", "died", 20250101), "passport,USA-123456789,JOHN DOE,19800101,present,20200101,",
	}
	r := w.imports(first...)
	w.counts(r.Counts, Counts{New: 5})
	if r.Counts.Accuracy() != (Share{}) || r.Again || r.Resumed || r.State != Done || r.Number != 1 {
		t.Errorf("the first import: %+v", r)
	}
	dump := ledgertest.Dump(t, w.ledger.Pool())
	if strings.Contains(dump, "张三") || strings.Contains(dump, numberOf(1)) || strings.Contains(dump, fmt.Sprintf("%x", "JOHN DOE")) {
		t.Error("a name or a number stands in the database")
	}
	if r := w.imports(first...); !r.Again || r.Number != 1 || r.Counts.New != 5 || ledgertest.Dump(t, w.ledger.Pool()) != dump {
		t.Errorf("the same roster again: %+v", r)
	}

	r = w.imports(
		resident(1, "张 三", "moved", 20260101), resident(2, "买买提•艾力", "present", 20200101), resident(3, "李四", "died", 20260102),
		resident(5, "赵六", "present", 20260101), "passport,usa-123456789,\"Doe, J\",,present,20260101,John Doe",
	)
	w.counts(r.Counts, Counts{Exact: 1, Form: 3, New: 1, Moved: 1, Died: 1, Renamed: 1, Known: 4, Agreed: 4})
	w.refused()
	w.is(numberOf(1), "张三 moved 20260101") // as it was spelt first
	w.is(numberOf(2), "买买提·艾力 present 20200101")
	w.is(numberOf(3), "李四 died 20260102")
	w.is("USA-123456789", "Doe, J present 20260101")
	if n := w.rows("persons"); n != 9 {
		t.Errorf("%d rows, want 9: who did not change has no other row", n)
	}

	r = w.imports(
		resident(1, "张三", "present", 20260103), resident(3, "李四", "restored", 20260103), resident(4, "王五", "restored", 20260103), resident(5, "赵六", "present", 20260102),
	)
	w.counts(r.Counts, Counts{Exact: 4, Present: 3, Redated: 1, Known: 4, Agreed: 4})
	w.is(numberOf(1), "张三 present 20260103")
	w.is(numberOf(3), "李四 present 20260103")
	w.is(numberOf(6), "")
	if accuracy := r.Counts.Accuracy(); accuracy != (Share{4, 4}) {
		t.Errorf("accuracy %+v", accuracy)
	}
}

// TestConflicts imports rows that contradict what is known, or each other: none of them changes
// anything, each is kept with its reason.
func TestConflicts(t *testing.T) {
	w := newTown(t)
	w.imports(resident(1, "张三", "present", 20200101), resident(2, "李四", "died", 20250101), resident(3, "王五", "present", 20200101),
		"passport,USA-1,ANN,19800101,present,20200101,", "foreigner,ABC999978010101,BOB,,present,20200101,")
	r := w.imports(
		resident(1, "张散", "moved", 20260101),   // line 2: another name
		resident(2, "李四", "present", 20260101), // after death
		resident(3, "王五", "moved", 20200101),   // another status from the same day
		"passport,USA-1,ANN,19810101,moved,20260101,",
		"foreigner,ABC999978010101,BOB,19780101,moved,20260101,", // nobody said a birth date before
		resident(4, "赵六", "restored", 20260101),
		resident(5, "钱七", "present", 20200101), // lines 8, 9, 13: one number, two names
		resident(5, "孙八", "present", 20200101),
		resident(6, "周九", "present", 20200101), // lines 10, 12: the same twice
		resident(1, "张三", "present", 20190101), // 11: older, and the person of line 2
		resident(6, "周　九", "present", 20200101),
		resident(5, "钱七", "present", 20200101),
		resident(7, "吴十", "present", 20200101, "吴+"),
		resident(3, "王\uE863", "present", 20200101), // 15: a known number and an unreadable name
		"resident,419999196001010029,张三,,present,20200101,",
	)
	w.refused("2 number two_lines", "3 status after_death", "4 status two_statuses", "5 birth two_births", "7 status not_dead",
		"8 number two_lines", "9 number two_lines", "11 number two_lines", "13 number two_lines",
		"14 former_name name_character", "15 name name_unreadable", "16 number number_check")
	w.counts(r.Counts, Counts{Exact: 1, New: 1, Conflicting: 9, Repeated: 1, Refused: 3, Moved: 1, Born: 1, Known: 7, Agreed: 5})
	w.is(numberOf(1), "张三 present 20200101")
	w.is(numberOf(2), "李四 died 20250101")
	w.is(numberOf(3), "王五 present 20200101")
	w.is("USA-1", "ANN present 20200101")
	w.is("ABC999978010101", "BOB moved 20260101")
	w.is(numberOf(4), "")
	w.is(numberOf(5), "")
	w.is(numberOf(6), "周九 present 20200101")
	if r := w.imports("foreigner,ABC999978010101,BOB,19790101,present,20260102,"); r.Counts.Conflicting != 1 {
		t.Errorf("another birth date than the one that was told later: %+v", r.Counts)
	}
	if r := w.imports(resident(1, "张三", "present", 20190101), resident(3, "王武", "present", 20200101, "王五")); r.Counts.Older != 1 || r.Counts.Conflicting != 1 {
		t.Errorf("an older row, and a name that changes on no day: %+v", r.Counts)
	}
	kept, err := Rejects(t.Context(), w.ledger, 2, 0, 100)
	if err != nil || len(kept) != 12 || kept[0].Line != 2 || kept[0].Field != "number" || kept[0].Reason != TwoLines {
		t.Errorf("kept are %+v, %v", kept, err)
	}
	if page, err := Rejects(t.Context(), w.ledger, 2, int64(kept[4].Line), 3); err != nil || !reflect.DeepEqual(page, kept[5:8]) {
		t.Errorf("a page behind line %d: %+v, %v", kept[4].Line, page, err)
	}
	var sealed []byte
	if err := w.ledger.Pool().QueryRow(t.Context(), "SELECT sealed FROM person_rejects WHERE import = 2 AND line = 15").Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if text, err := w.data.Open(sealed, place(2, 15)); err != nil || string(text) != resident(3, "王\uE863", "present", 20200101) {
		t.Errorf("line 15 is kept as %q, %v", text, err)
	}
}

// TestOrderOfLines imports the rows of a roster in two orders: the same people are known.
func TestOrderOfLines(t *testing.T) {
	rows := []string{
		resident(1, "张三", "present", 20200101), resident(2, "李四", "present", 20200101), resident(2, "李思", "present", 20200101),
		resident(3, "王五", "died", 20200101), resident(3, "王五", "died", 20200101), resident(4, "赵六", "present", 20200101), resident(1, "张三", "moved", 20250101),
	}
	var results [2]Counts
	for i := range results {
		w := newTown(t)
		results[i] = w.imports(rows...).Counts
		w.is(numberOf(1), "")
		w.is(numberOf(2), "")
		w.is(numberOf(3), "王五 died 20200101")
		w.is(numberOf(4), "赵六 present 20200101")
		for a, b := 0, len(rows)-1; a < b; a, b = a+1, b-1 {
			rows[a], rows[b] = rows[b], rows[a]
		}
	}
	if results[0] != results[1] {
		t.Errorf("counts %+v and %+v", results[0], results[1])
	}
}

// TestFind asks for a person: the audit has it, with the first bytes of the token, before there is
// an answer; and where the audit cannot be written there is none.
func TestFind(t *testing.T) {
	w := newTown(t)
	w.imports(resident(1, "张三", "present", 20200101))
	by := ledger.Approval{First: "Wang", Reason: "complaint 7", At: morning}
	c, wrong := ParseCertificate(numberOf(1))
	if wrong != nil {
		t.Fatal(wrong)
	}
	p, found, err := w.Find(t.Context(), c, by)
	if err != nil || !found || p.Name != "张三" || p.Born != 19000101 {
		t.Errorf("found %+v, %t, %v", p, found, err)
	}
	if c, wrong = ParseCertificate(numberOf(2)); wrong != nil {
		t.Fatal(wrong)
	}
	if _, found, err := w.Find(t.Context(), c, by); err != nil || found {
		t.Errorf("a person who is not known: %t, %v", found, err)
	}
	for _, by := range []ledger.Approval{{Reason: "x", At: morning}, {First: "Wang", At: morning}, {First: "Wang", Reason: strings.Repeat("x", 2000), At: morning}} {
		if p, _, err := w.Find(t.Context(), c, by); err == nil || p.Name != "" {
			t.Errorf("by %q for %.10q: %v, want an error and no answer", by.First, by.Reason, err)
		}
	}
	entries, err := w.ledger.Audit(t.Context(), ActRead)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d reads in the audit, %v", len(entries), err)
	}
	token := w.token(numberOf(1))
	if e := entries[0]; e.First != "Wang" || e.Reason != "complaint 7" || e.What != fmt.Sprintf(`{"token":"%x"}`, token[:4]) {
		t.Errorf("the audit has %+v", e)
	}
	if _, err := w.ledger.Pool().Exec(t.Context(), "ALTER TABLE audit RENAME TO audit_elsewhere"); err != nil {
		t.Fatal(err)
	}
	if p, found, err := w.Find(t.Context(), c, by); err == nil || found || p.Name != "" {
		t.Errorf("without an audit: %+v, %t, %v", p, found, err)
	}
}

func otherKeys() *keys.Store { return keys.GenerateTest(2) }

// TestOtherKeys reads with another key store, and after a rotation.
func TestOtherKeys(t *testing.T) {
	w := newTown(t)
	w.imports(resident(1, "张三", "present", 20200101))
	tokens := []Token{w.token(numberOf(1))}
	rotated, err := keys.GenerateTest(1).Rotate(strings.NewReader(strings.Repeat("random", 100)))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		store *keys.Store
		opens bool
	}{{rotated, true}, {otherKeys(), false}} {
		other, err := NewStore(w.ledger, test.store.Held(), time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		known, err := other.known(t.Context(), tokens)
		if test.opens && known[tokens[0]].Name != "张三" || !test.opens && !errors.Is(err, keys.ErrSealed) {
			t.Errorf("%+v, %v", known, err)
		}
	}
}

// TestRehearsal imports as a dry run: the answer is the same, nothing is stored.
func TestRehearsal(t *testing.T) {
	w := newTown(t)
	w.imports(resident(1, "张三", "present", 20200101))
	dry := townAt(t, w.url, ledger.WithRehearsal())
	rows := []string{resident(1, "张三", "moved", 20250101), resident(2, "李四", "present", 20200101), resident(2, "李四", "present", 20200101), "x"}
	before := ledgertest.Dump(t, w.ledger.Pool())
	rehearsed := dry.imports(rows...)
	if after := ledgertest.Dump(t, w.ledger.Pool()); after != before {
		t.Error("a rehearsal stored something")
	}
	if done := w.imports(rows...); done != rehearsed {
		t.Errorf("rehearsed %+v, done %+v", rehearsed, done)
	}
}
