package verify_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/persons"
	"citycard/clearing/schema"
	"citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	books "citycard/ledger/verify"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

// faultsOf are the faults of the tables after a change, which is rolled back.
func faultsOf(t *testing.T, l *ledger.Ledger, change string) (list []string) {
	t.Helper()
	tx, err := l.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if change != "" {
		if tag, err := tx.Exec(t.Context(), change); err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("%s: %d rows, %v", change, tag.RowsAffected(), err)
		}
	}
	return faultsIn(t, tx)
}

// errUndone rolls a change back.
var errUndone = errors.New("undone")

// faultsIn are the faults of the tables as a transaction sees them.
func faultsIn(t *testing.T, tx pgx.Tx) (list []string) {
	t.Helper()
	if err := verify.Tables(t.Context(), tx, func(f books.Fault) { list = append(list, f.String()) }); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPersonsAreNamed alters, removes and adds single rows and cells of persons and their imports:
// the fault names the line of the roster, or the part or the import.
func TestPersonsAreNamed(t *testing.T) {
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	l := ledgertest.Connect(t, url, 4)
	store, err := persons.NewStore(l, keys.GenerateTest(1).Held(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	staff := peopletest.New(t, l)
	imports := func(rows ...string) {
		t.Helper()
		from, err := persons.SourceOf(strings.NewReader(persons.Header + "\n" + strings.Join(rows, "\n") + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Import(t.Context(), from, persons.Order{
			Charset: persons.UTF8, Part: 2, Person: "ann", At: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), Sign: staff.Signing(t, "ann", "monthly"), Faults: func(*persons.Reject) {},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	imports("resident,419999196001010028,张三,,present,20200101,", "x", "passport,USA-1,ANN,,present,20200101,", "passport,USA-2,BOB,,present,20200101,", "passport,USA-3,EVE,,present,20200101,")
	imports("passport,USA-1,ANN,,moved,20250101,")
	if faults := faultsOf(t, l, ""); len(faults) > 0 {
		t.Fatalf("before any change: %q", faults)
	}
	const row, missing, altered, extra = "import 1 of persons, line ", "its row is not there", "its row was altered", "the import brought no such row"
	for _, test := range []struct {
		change string
		want   []string // a part of each fault, in order
	}{
		{"DELETE FROM persons WHERE import = 1 AND line = 2", []string{row + "2: " + missing}},
		{"DELETE FROM persons WHERE import = 1", []string{row + "2: " + missing, row + "4: " + missing, row + "5: " + missing, row + "6: " + missing}},
		{"DELETE FROM person_rejects", []string{row + "3: " + missing}},
		{"UPDATE persons SET status = 3 WHERE import = 2", []string{"import 2 of persons, line 2: " + altered}},
		{"UPDATE persons SET since = since + 1 WHERE import = 1 AND line = 5", []string{row + "5: " + altered}},
		{"UPDATE persons SET certificate = 4 WHERE import = 1 AND line = 2", []string{row + "2: " + altered}},
		{"UPDATE persons SET token = '\\x00' WHERE import = 1 AND line = 5", []string{row + "5: " + altered}},
		{"UPDATE persons SET sealed = (SELECT sealed FROM persons WHERE import = 2) WHERE import = 1 AND line = 4", []string{row + "4: " + altered}},
		{"UPDATE persons SET line = 9 WHERE import = 1 AND line = 6", []string{row + "9: it belongs to no part", row + "6: " + missing}},
		{"UPDATE persons SET line = 3 WHERE import = 1 AND line = 2", []string{row + "2: " + missing, row + "3: " + altered}},
		{"UPDATE persons SET import = 3 WHERE import = 2", []string{"import 3 of persons, line 2: it belongs to no part", "import 2 of persons, line 2: " + missing}},
		{"INSERT INTO persons SELECT 2, 1, since, certificate, status, '\\x01', sealed FROM persons WHERE import = 2", []string{"import 2 of persons, line 1: it belongs to no part"}},
		{"INSERT INTO persons SELECT 1, 3, since, certificate, status, '\\x01', sealed FROM persons WHERE import = 2", []string{row + "3: " + altered}},
		{"UPDATE person_rejects SET reason = 'missing'", []string{row + "3: " + altered}},
		{"UPDATE person_rejects SET sealed = ''", []string{row + "3: " + altered}},
		{"UPDATE person_parts SET marks = '' WHERE import = 1 AND part = 1", []string{row + "2: " + extra, row + "3: " + extra}},
		{"UPDATE person_parts SET marks = '\\x00' WHERE import = 1 AND part = 1", []string{"part 1, lines 2 to 3: marks of 1 bytes"}},
		{"UPDATE person_parts SET digest = '\\x" + strings.Repeat("61", 32) + "' WHERE import = 1 AND part = 2", []string{"part 2, lines 4 to 5: its rows do not make its digest", "its parts are 3 up to line 6 and make"}},
		{"UPDATE person_parts SET next_line = 5 WHERE import = 1 AND part = 2", []string{"part 2, lines 4 to 4: its marks are of lines behind it"}},
		{"DELETE FROM person_parts WHERE import = 2", []string{"import 2 of persons, line 2: it belongs to no part", "import 2 of persons: 1 parts"}},
		{"DELETE FROM person_imports WHERE number = 1", []string{"import 1 of persons: it is not there, as entry"}},
		{"UPDATE person_imports SET state = 'begun' WHERE number = 2", []string{`import 2 of persons: it is "begun"; the audit has it as done`}},
		{"UPDATE person_imports SET state = 'undoing' WHERE number = 2", []string{`import 2 of persons: it is "undoing"; the audit has it as done`}},
		{"UPDATE person_imports SET state = 'undone' WHERE number = 2", []string{`import 2 of persons: it is "undone"; the audit has it as done`}},
		{"UPDATE person_imports SET state = 'dome' WHERE number = 2", []string{`import 2 of persons: it is "dome"; the audit has it as done`}},
		{"UPDATE person_imports SET charset = 'gb18030' WHERE number = 2", []string{"import 2 of persons: {"}},
		{"UPDATE person_imports SET person = 'bob' WHERE number = 2", []string{"import 2 of persons: {"}},
		{"UPDATE person_imports SET at = at + 1 WHERE number = 2", []string{"import 2 of persons: {"}},
		{"UPDATE person_imports SET file = '\\x" + strings.Repeat("61", 32) + "' WHERE number = 2", []string{"import 2 of persons: {"}},
		{"UPDATE person_imports SET counts = replace(counts, '1', '2') WHERE number = 2", []string{"import 2 of persons: {"}},
		{"UPDATE person_imports SET counts = ' ' || counts WHERE number = 2", []string{"import 2 of persons: its counts are"}},
		{"UPDATE person_imports SET next_line = 9 WHERE number = 2", []string{"import 2 of persons: 1 parts up to line 8"}},
		{"UPDATE person_imports SET file = '\\x" + strings.Repeat("00", 32) + "' WHERE number = 2", []string{"import 2 of persons: {"}},
	} {
		faults := faultsOf(t, l, test.change)
		for _, want := range test.want {
			if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
				t.Errorf("%s: faults\n%s\nwant one with %q", test.change, strings.Join(faults, "\n"), want)
			}
		}
	}
	(&undoneTown{t, l, store, staff}).undone()
}

// undoneTown has two imports that are done.
type undoneTown struct {
	*testing.T
	*ledger.Ledger
	store *persons.Store
	staff *peopletest.Staff
}

// undone begins an import that counts nowhere, and whose rows are only held against its parts;
// while it is undone, not even that. Once it is undone nothing of it may be there but its row.
func (u *undoneTown) undone() {
	u.Helper()
	u.must("INSERT INTO person_imports SELECT 3, '\\x" + strings.Repeat("33", 32) + "', charset, person, at, 0, 2, '\\x" + strings.Repeat("00", 32) + "', counts, 'begun' FROM person_imports WHERE number = 2")
	u.faults("", "import 3 of persons: it is there, and nobody opened it")
	opened := persons.Opened{Import: 3, File: strings.Repeat("33", 32), Size: 9, Charset: persons.UTF8, At: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC).Unix()}
	u.record(persons.ActImport, opened, u.staff.Alone(u.T, "ann", persons.ActImport, opened.Text(), "monthly"))
	const row3 = "INSERT INTO persons SELECT 3, line, since, certificate, status, token, sealed FROM persons WHERE import = 2"
	u.faults("")
	u.faults(row3, "import 3 of persons, line 2: it belongs to no part")
	u.record(persons.ActTry, opened, u.staff.Alone(u.T, "ann", persons.ActTry, opened.Text(), "monthly"))
	u.faults("")
	u.faults("UPDATE audit SET what = replace(what, '333', '334') WHERE act = 'try import persons'", "try import persons: what was signed is")
	u.faults("UPDATE person_imports SET state = 'done' WHERE number = 3", `import 3 of persons: it is "done"; the audit has no end of it`)
	u.faults("UPDATE person_imports SET state = 'undone' WHERE number = 3", `import 3 of persons: it is "undone"; the audit has no end of it`)
	u.faults("UPDATE person_imports SET state = 'begum' WHERE number = 3", `import 3 of persons: it is "begum"; the audit has no end of it`)
	u.must("UPDATE person_imports SET state = 'undoing' WHERE number = 3")
	u.faults("", `it is "undoing"; the audit has no end of it`)
	undo := persons.Undo{Import: 3, File: opened.File}
	u.record(persons.ActUndo, undo, u.staff.Alone(u.T, "ann", persons.ActUndo, undo.Text(), "wrong roster"))
	u.faults(row3)

	from, err := persons.SourceOf(strings.NewReader(persons.Header + "\npassport,USA-1,ANN,,moved,20250102,\n"))
	if err != nil {
		u.Fatal(err)
	}
	_, err = u.store.Import(u.Context(), from, persons.Order{
		Charset: persons.UTF8, Undo: true, Person: "bob", At: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC), Sign: u.staff.Signing(u.T, "bob", "wrong roster"), Faults: func(*persons.Reject) {},
	})
	if err != nil {
		u.Fatal(err)
	}
	u.faults("")
	u.faults(row3, "import 3 of persons, line 2: it belongs to no part")
	u.faults("INSERT INTO person_rejects SELECT 3, line, reason, field, detail, sealed FROM person_rejects", "import 3 of persons, line 3: it belongs to no part")
	u.faults("INSERT INTO person_parts SELECT 3, part, next_line, digest, '' FROM person_parts WHERE import = 2", "import 3 of persons: it was undone, and has parts")
	u.faults("DELETE FROM person_imports WHERE number = 3", "import 3 of persons: it is not there, as entry")
	for _, change := range []string{
		"file = '\\x" + strings.Repeat("61", 32) + "'", "charset = 'x'", "person = 'x'", "at = 1", "parts = 1", "next_line = 3", "head = '\\x" + strings.Repeat("61", 32) + "'", "counts = replace(counts, '1', '2')",
	} {
		u.faults("UPDATE person_imports SET "+change+" WHERE number = 3", "import 3 of persons: {")
	}
	for _, state := range []string{"begun", "done", "undoing"} {
		u.faults("UPDATE person_imports SET state = '"+state+"' WHERE number = 3", "; the audit has it as undone")
	}
	u.faults("")
	more := persons.Opened{Import: 9, File: opened.File, Size: 9, Charset: persons.UTF8, At: opened.At}
	u.record(persons.ActImport, more, u.staff.Alone(u.T, "ann", persons.ActImport, opened.Text()+" ", "monthly"))
	u.faults("", "what was signed is \"roster sha256:3333")
	u.faults("", "import 9 of persons: it is not there, and the audit has that ann opened it")
}

// record writes an entry into the audit.
func (u *undoneTown) record(act string, what any, by ledger.Approval) {
	u.Helper()
	text, err := json.Marshal(what)
	if err == nil {
		err = u.Write(u.Context(), func(tx pgx.Tx) error { return ledger.Record(u.Context(), tx, act, string(text), by) })
	}
	if err != nil {
		u.Fatal(err)
	}
}

func (u *undoneTown) must(change string) {
	u.Helper()
	if _, err := u.Pool().Exec(u.Context(), change); err != nil {
		u.Fatal(err)
	}
}

// faults checks that a change, which is rolled back, makes a fault, or none.
func (u *undoneTown) faults(change string, want ...string) {
	u.Helper()
	got := faultsOf(u.T, u.Ledger, change)
	if len(want) == 0 && len(got) > 0 || len(want) > 0 && !slices.ContainsFunc(got, func(f string) bool { return strings.Contains(f, want[0]) }) {
		u.Errorf("%s: faults %q, want %q", change, got, want)
	}
}
