package main

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"citycard/clearing/message"
	beside "citycard/clearing/verify"
	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"
	"citycard/ledger/verify"
)

// harmless says why a change need not be noticed, and is empty for all others.
func (c change) harmless() string {
	before, _ := strconv.ParseInt(c.before, 10, 64)
	after, _ := strconv.ParseInt(c.after, 10, 64)
	switch {
	case c.table != "pumps":
	case (c.column == "sequence" || c.column == "position") && after < before:
		return "set back, the pump looks once more at rows that are gone; what was sent is counted"
	case c.column == "" && (strings.HasPrefix(c.row, "(registry,") || strings.HasPrefix(c.row, "(hotlist,")):
		return "registry or hotlist is published once more, which is how a topic that was lost comes back"
	}
	return ""
}

// TestChanges changes one bit, one number or one letter of one cell, or removes one row, verifies
// the books and undoes the change. It does so in every table, as often as CITYCARD_SOAK_CHANGES
// says. Each change must be noticed except those that do no harm, and of all changes 99 of 100.
func TestChanges(t *testing.T) {
	l := live(t)
	if l.Dialect() != schema.PostgreSQL {
		t.Skip("rows are taken out and put back by PostgreSQL's own means")
	}
	for _, f := range l.faults() {
		t.Fatalf("before any change: %s", f)
	}
	tables := l.tables()
	seed := ledgertest.Setting(t, ledgertest.SoakSeed, 20260105)
	random := rand.New(rand.NewPCG(seed, seed))
	tried, noticed := map[string]int64{}, map[string]int64{}
	missed := map[string]int64{}
	for n := range int(ledgertest.Setting(t, ledgertest.SoakChanges, 150)) {
		// Every table in turn, so that even a few changes cover all tables.
		table := tables[n%len(tables)]
		c, ok := l.changeSomething(random, table)
		if !ok {
			continue
		}
		faults := l.faults()
		l.putBack(c)
		tried[table]++
		if len(faults) > 0 {
			noticed[table]++
			continue
		}
		missed[c.place()]++
		if c.harmless() == "" {
			t.Errorf("not noticed: %s", c)
		}
	}
	l.report(tables, tried, noticed, missed)
	all, seen := total(tried), total(noticed)
	if 100*seen < 99*all {
		t.Errorf("%d of %d changes were noticed, want 99 of 100", seen, all)
	}
	for _, f := range l.faults() {
		t.Errorf("a change was not put back: %s", f)
	}
}

// TestSignaturesAreProved alters the signatures of an act and the identity of the books: verify
// names the entry.
func TestSignaturesAreProved(t *testing.T) {
	l := live(t)
	var number int64
	l.must(l.Pool().QueryRow(l.Context(), "SELECT min(number) FROM audit WHERE signed <> ''").Scan(&number))
	entry := fmt.Sprintf("audit chain mismatch: audit entry %d: its hash", number)
	for _, test := range []struct{ name, table, change, want string }{
		{"statement", "audit", `UPDATE audit SET signed = replace(signed, '"statement":"', '"statement":" ')`, entry},
		{"key", "audit", "UPDATE audit SET signed = replace(signed, 'SHA256:', 'SHA256:x')", entry},
		{"signature", "audit", `UPDATE audit SET signed = replace(signed, '"signature":"', '"signature":"U')`, entry},
		{"spelling", "audit", "UPDATE audit SET signed = signed || ' '", entry},
		{"taken out", "audit", "UPDATE audit SET signed = ''", entry},
		{"no JSON", "audit", "UPDATE audit SET signed = 'x'", entry},
		{"another identity", "books", "UPDATE books SET id = gen_random_uuid()", "audit chain mismatch: audit entry 1: its hash"},
		{"no identity", "books", "DELETE FROM books", "audit chain mismatch: the books: their identity is not there"},
	} {
		change := test.change
		if test.table == "audit" {
			change += fmt.Sprintf(" WHERE number = %d", number)
		}
		faults := l.faultsWith(test.table, change)
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, test.want) }) {
			t.Errorf("%s: faults %q, want one with %q", test.name, faults, test.want)
		}
	}
	for _, f := range l.faults() {
		t.Errorf("a change was not put back: %s", f)
	}
}

// TestPensionOriginalsAreProved alters and removes the stored originals of a list of pensions and
// of the bank's answer: verify names the batch, and reports that it booked pensions that are in no
// list.
func TestPensionOriginalsAreProved(t *testing.T) {
	l := live(t)
	for _, f := range l.faults() {
		t.Fatalf("before any change: %s", f)
	}
	empty := hex.EncodeToString(sha256.New().Sum(nil))
	const other, missing, loose = "pension list differs from its batch: list ", "of its 1 lists are not there", "1 of its pensions are no line of its lists"
	for _, topic := range []string{message.TopicPensionBatches, message.TopicPensionResults} {
		for _, test := range []struct {
			name, change string
			want         []string
		}{
			{"altered bytes", "UPDATE pension_originals SET value = value || '\\x00' WHERE topic = $1", []string{other, loose}},
			{"other bytes with their hash", "UPDATE pension_originals SET value = '', hash = '\\x" + empty + "' WHERE topic = $1", []string{other, loose}},
			{"another hash", "UPDATE pension_originals SET hash = '\\x00' WHERE topic = $1", []string{other, loose}},
			{"taken out", "DELETE FROM pension_originals WHERE topic = $1", []string{missing, loose}},
			{"in another batch", "UPDATE pension_originals SET sequence = sequence + 1 WHERE topic = $1", []string{other, missing, loose}},
		} {
			faults := l.faultsWith("pension_originals", test.change, topic)
			for _, want := range test.want {
				if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, topic+"/0") && strings.Contains(f, want) }) {
					t.Errorf("%s of %s: faults %q, want one with %q", test.name, topic, faults, want)
				}
			}
		}
	}
}

// faultsWith returns the faults after a change of one row of a table, and undoes the change.
func (l *lived) faultsWith(table, change string, args ...any) (list []string) {
	l.Helper()
	_, err := l.Pool().Exec(l.Context(), "CREATE TABLE kept AS SELECT * FROM "+table)
	l.must(err)
	tag, err := l.Pool().Exec(l.Context(), change, args...)
	l.must(err)
	if tag.RowsAffected() != 1 {
		l.Errorf("%s changed %d rows, want 1", change, tag.RowsAffected())
	}
	list = l.faults()
	for _, statement := range []string{"DELETE FROM " + table, "INSERT INTO " + table + " SELECT * FROM kept", "DROP TABLE kept"} {
		_, err := l.Pool().Exec(l.Context(), statement)
		l.must(err)
	}
	return list
}

func (l *lived) faults() (list []string) {
	l.Helper()
	public, _ := livedSigner().Public().(ed25519.PublicKey)
	_, err := verify.Books(l.Context(), l.Ledger, public, func(f verify.Fault) { list = append(list, f.String()) }, beside.Tables)
	if err != nil {
		// A value that cannot be read any more is noticed too.
		list = append(list, err.Error())
	}
	return list
}

// covers reads from docs/ledger.md the tables and what covers each of them; tables marked "not the
// books" are the programs' own.
func covers(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(page), "| table | covered by |\n|---|---|\n")
	if !found {
		t.Fatal("docs/ledger.md has no table of tables and what covers them")
	}
	list, _, _ = strings.Cut(list, "\n\n")
	named := map[string]string{}
	for line := range strings.Lines(list) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			t.Fatalf("docs/ledger.md: line %q has %d cells, want a table and its cover", line, len(cells)-2)
		}
		for name := range strings.SplitSeq(cells[1], ",") {
			named[strings.Trim(name, " `")] = strings.TrimSpace(cells[2])
		}
	}
	return named
}

// tables are all tables but the programs' own. Each must be named in docs/ledger.md, and
// hold a row.
func (l *lived) tables() []string {
	rows, err := l.Pool().Query(l.Context(), "SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name")
	l.must(err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	l.must(err)
	named := covers(l.T)
	for _, name := range tables {
		if named[name] == "" {
			l.Errorf("table %s is in no line of docs/ledger.md that says what covers it", name)
		}
	}
	for name := range named {
		if !slices.Contains(tables, name) {
			l.Errorf("docs/ledger.md says what covers table %s, which is not there", name)
		}
	}
	tables = slices.DeleteFunc(tables, func(name string) bool { return strings.HasPrefix(named[name], "not the books") })
	for _, name := range tables {
		var n int
		l.must(l.Pool().QueryRow(l.Context(), "SELECT count(*) FROM "+name).Scan(&n))
		if n == 0 {
			l.Errorf("table %s is empty: the town's days have nothing for it", name)
		}
	}
	return tables
}

// change is one change of one row.
type change struct {
	table, row    string // the row as it was
	column        string // empty: the row was taken out
	before, after string
	at            string // where the changed row lies
}

func (c change) String() string {
	if c.column == "" {
		return fmt.Sprintf("%s: row %s taken out", c.table, c.row)
	}
	return fmt.Sprintf("%s.%s: %s became %s in row %s", c.table, c.column, c.before, c.after, c.row)
}

func (c change) place() string {
	if c.column == "" {
		return c.table + " row"
	}
	return c.table + "." + c.column
}

// changeSomething changes a random row of a table. If the database refuses a change, another one is
// tried.
func (l *lived) changeSomething(random *rand.Rand, table string) (c change, ok bool) {
	for range 100 {
		var rows int
		l.must(l.Pool().QueryRow(l.Context(), "SELECT count(*) FROM "+table).Scan(&rows))
		if rows == 0 {
			return c, false
		}
		c = change{table: table}
		l.must(l.Pool().QueryRow(l.Context(), "SELECT ctid::TEXT, t::TEXT FROM "+table+" t ORDER BY ctid OFFSET $1 LIMIT 1", random.IntN(rows)).Scan(&c.at, &c.row))
		if random.IntN(6) == 0 {
			_, err := l.Pool().Exec(l.Context(), "DELETE FROM "+table+" WHERE ctid = $1::TEXT::TID", c.at)
			l.must(err)
			return c, true
		}
		if l.changeCell(random, &c) {
			return c, true
		}
	}
	return c, false
}

// changeCell changes one cell of the row, if the database allows a change of its content.
func (l *lived) changeCell(random *rand.Rand, c *change) bool {
	rows, err := l.Pool().Query(l.Context(), `SELECT column_name::TEXT, data_type::TEXT FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position`, c.table)
	l.must(err)
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Name, Type string }])
	l.must(err)
	column := columns[random.IntN(len(columns))]
	var value *string
	l.must(l.Pool().QueryRow(l.Context(), fmt.Sprintf("SELECT %q::TEXT FROM %s WHERE ctid = $1::TEXT::TID", column.Name, c.table), c.at).Scan(&value))
	if value == nil {
		return false
	}
	after, ok := altered(random, column.Type, *value)
	if !ok {
		return false
	}
	c.column, c.before, c.after = column.Name, *value, after
	err = l.Pool().QueryRow(l.Context(), fmt.Sprintf("UPDATE %s SET %q = $2::TEXT::%s WHERE ctid = $1::TEXT::TID RETURNING ctid::TEXT", c.table, column.Name, sqlType(column.Type)),
		c.at, after).Scan(&c.at)
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return false
	}
	l.must(err)
	return true
}

func sqlType(name string) string {
	if name == "ARRAY" {
		return "BYTEA[]"
	}
	return name
}

// altered changes one bit, digit or letter of a value as PostgreSQL writes it.
func altered(random *rand.Rand, kind, value string) (string, bool) {
	b := []byte(value)
	switch kind {
	case "boolean":
		return strconv.FormatBool(value != "true"), true
	case "bytea", "ARRAY":
		from := strings.Index(value, "x")
		places := hexPlaces(value, from+1)
		if from < 0 || len(places) == 0 {
			return "", false
		}
		at := places[random.IntN(len(places))]
		digit, err := strconv.ParseUint(value[at:at+1], 16, 8)
		if err != nil {
			return "", false
		}
		b[at] = strconv.FormatUint(digit^(1<<random.IntN(4)), 16)[0]
		return string(b), true
	case "text":
		if len(value) == 0 {
			return "", false
		}
		letters := []rune(value)
		at := random.IntN(len(letters))
		letters[at] = 'a' + (letters[at]-'a'+1+rune(random.IntN(25)))%26
		return string(letters), string(letters) != value
	}
	// Numbers and times: another digit.
	var digits []int
	for i := range b {
		if b[i] == '+' && i > 0 {
			break // the zone
		}
		if b[i] >= '0' && b[i] <= '9' {
			digits = append(digits, i)
		}
	}
	at := digits[random.IntN(len(digits))]
	b[at] = '0' + (b[at]-'0'+1+byte(random.IntN(9)))%10
	return string(b), true
}

// hexPlaces are the digits of bytes in hexadecimal, from a place on.
func hexPlaces(value string, from int) (places []int) {
	for i := from; i < len(value); i++ {
		if strings.IndexByte("0123456789abcdef", value[i]) >= 0 {
			places = append(places, i)
		}
	}
	return places
}

// putBack makes the row what it was.
func (l *lived) putBack(c change) {
	l.must(pgx.BeginFunc(l.Context(), l.Pool(), func(tx pgx.Tx) error {
		if c.column != "" {
			if _, err := tx.Exec(l.Context(), "DELETE FROM "+c.table+" WHERE ctid = $1::TEXT::TID", c.at); err != nil {
				return err
			}
		}
		_, err := tx.Exec(l.Context(), fmt.Sprintf("INSERT INTO %s SELECT (r.was).* FROM (SELECT $1::TEXT::%s AS was) AS r", c.table, c.table), c.row)
		return err
	}))
}

// report writes the share noticed in each table.
func (l *lived) report(tables []string, tried, noticed, missed map[string]int64) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "table\ttried\tnoticed")
	for _, name := range tables {
		fmt.Fprintf(w, "%s\t%d\t%d\n", name, tried[name], noticed[name])
	}
	fmt.Fprintf(w, "all\t%d\t%d\n", total(tried), total(noticed))
	l.must(w.Flush())
	for _, place := range slices.SortedFunc(maps.Keys(missed), cmp.Compare[string]) {
		fmt.Fprintf(&text, "not noticed: %d times %s\n", missed[place], place)
	}
	l.Logf("one change at a time:\n%s", text.String())
}
