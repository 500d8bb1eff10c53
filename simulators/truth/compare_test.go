package truth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// card and gate are a subject and a terminal of these tests.
func card() string {
	return CardOf([8]byte{1, 1, 0x49, 0x10, 9, 9, 9, 9}, [10]byte{3, 0x10, 0x50, 0x70, 0x20, 0, 0, 0, 0, 1})
}
func gate() []byte { return []byte{0x49, 0x10, 0, 0, 0, 1} }

// someDay enters one record for every outcome.
func someDay(t *testing.T) []Record {
	t.Helper()
	b := NewBook()
	tap := func(sequence uint32, value string, facts Facts) Entry {
		return Entry{
			Topic: "taps", Value: []byte(value), Key: SpendKey(20261124, card(), 9, gate(), sequence),
			Purpose: MetroExit, Fen: 285, Payee: "operator:zzmetro", Facts: facts,
		}
	}
	pension, err := PensionKey("202611", []byte("person token 16b"))
	if err != nil {
		t.Fatal(err)
	}
	fund, account, bill := MedicalKeys(20261124, []byte("person token 16b"), "h1", "H1-1")
	entry := tap(9, "entry", Facts{})
	entry.Purpose, entry.Fen = MetroEntry, 0
	line := Entry{Topic: "pension.batches", Value: []byte("batch"), Line: []byte("line"), Key: pension, Purpose: Pension, Fen: 300, Payee: "pension:payout"}
	refused := line
	refused.Line = []byte("line ff")
	refused.Key.Subject, refused.Facts.Refused = "ff", "not_entitled"
	other := refused
	other.Line = []byte("line fe")
	other.Key.Subject, other.Facts.Refused = "fe", "amount_differs"
	return []Record{
		b.Enter(tap(1, "one", Facts{})),
		b.Enter(tap(1, "one", Facts{})),
		b.Enter(tap(1, "one, other station", Facts{})),
		b.Enter(tap(1, "one, forged", Facts{Forged: true, Blocked: true})),
		b.Enter(tap(2, "two", Facts{UnknownTerminal: true, Expired: true})),
		b.Enter(tap(3, "noise", Facts{Broken: true})),
		b.Enter(entry),
		b.Enter(Entry{Topic: "loads", Value: []byte("load"), Key: LoadKey(20261124, card(), 2, 5), Purpose: Load, Fen: 5000, Payee: "float:own"}),
		b.Enter(Entry{Topic: "medical.requests", Value: []byte("claim"), Key: fund, Purpose: MedicalFund, Fen: 700, Payee: "hospital:h-101", Also: &Also{MedicalAccount, 300, account.ID}}),
		b.Enter(line), b.Enter(refused), b.Enter(other),
		b.Enter(Entry{Topic: "medical.requests", Value: []byte("bill"), Key: bill, Purpose: MedicalCash}),
	}
}

// observed is what a ledger has.
type observed struct {
	Rows  []Row
	Memos []Memo
}

// compare compares it with the truth, by a Comparison.
func compare(t *testing.T, records []Record, o observed) Result {
	t.Helper()
	c := NewComparison(filepath.Join(t.TempDir(), "comparison"))
	var errs []error
	for i := range records {
		errs = append(errs, c.Expect(&records[i]))
	}
	for _, m := range o.Memos {
		errs = append(errs, c.Memo(m))
	}
	for _, row := range o.Rows {
		errs = append(errs, c.Row(row))
	}
	result, err := c.Result()
	if err := errors.Join(append(errs, err, c.Close())...); err != nil {
		t.Fatal(err)
	}
	return result
}

// books returns what a correct ledger holds for the records.
func books(records []Record) observed {
	var o observed
	for _, r := range records {
		switch {
		case r.Posts():
			row := Row{Key: r.Key(), Fen: r.Fen, Credit: r.Payee}
			if r.Fen == 0 {
				row.Credit = ""
			}
			o.Rows = append(o.Rows, row)
			if r.Also != nil {
				o.Rows = append(o.Rows, Row{Key: Key{r.Day, r.Subject, r.Also.ID}, Fen: r.Also.Fen, Credit: r.Payee})
			}
			if r.Purpose == Load {
				o.Rows = append(o.Rows, Row{Key: Key{19000101, r.Subject, "03" + r.ID[2:]}, Fen: r.Fen, Credit: "unwritten:own"})
			}
		case r.Verdict == Rejected || r.Verdict == Disputed:
			o.Memos = append(o.Memos, Memo{Topic: r.Topic, Verdict: r.Verdict, Reason: r.Reason, Subject: r.Subject, SHA256: r.SHA256})
		}
	}
	o.Rows = append(o.Rows, Row{Key: Key{20261124, "72657365727665", "30"}, Fen: 1, Credit: "reserve"})
	return o
}

func TestVerdicts(t *testing.T) {
	var got []string
	for _, r := range someDay(t) {
		got = append(got, strings.TrimSpace(r.Verdict+" "+r.Reason))
	}
	want := []string{
		"cleared", "duplicate", "disputed", "rejected bad_tac", "suspended unknown_terminal", "rejected undecodable", "cleared", "cleared", "cleared",
		"cleared", "rejected not_entitled", "rejected amount_differs", "cleared",
	}
	if !slices.Equal(got, want) {
		t.Errorf("verdicts\n%q, want\n%q", got, want)
	}
}

func TestKeys(t *testing.T) {
	fund, account, cash := MedicalKeys(20261124, []byte{0xAB}, "h1", "S1")
	pension, err := PensionKey("202611", []byte{0xAB})
	if err != nil {
		t.Fatal(err)
	}
	returned, err := ReturnKey("202611", []byte{0xAB})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		got  Key
		want string
	}{
		{SpendKey(20261124, card(), 9, gate(), 0x0102), "20261124/010149105070200000000001/010949100000000100000102"},
		{LoadKey(20261124, card(), 2, 0x0A0B), "20261124/010149105070200000000001/02020a0b"},
		{fund, "20261124/ab/10014130dc39f4c817f4c80dd2d2094a7ed8f767998cb114da2be0fc6466c706ce82"},
		{account, "20261124/ab/10024130dc39f4c817f4c80dd2d2094a7ed8f767998cb114da2be0fc6466c706ce82"},
		{cash, "20261124/ab/10034130dc39f4c817f4c80dd2d2094a7ed8f767998cb114da2be0fc6466c706ce82"},
		{pension, "20261101/ab/20323032363131"},
		{returned, "20261101/ab/21323032363131"},
	} {
		if c.got.String() != c.want {
			t.Errorf("key %s, want %s", c.got, c.want)
		}
	}
	if _, err := PensionKey("2026-1", nil); err == nil {
		t.Error("2026-1 is no month")
	}
}

func TestCompareFindsWhatIsWrong(t *testing.T) {
	type counts struct{ lost, doubled, wrong, unexpected int }
	for name, c := range map[string]struct {
		change func(*observed)
		want   counts
		found  string
	}{
		"nothing":           {func(*observed) {}, counts{}, ""},
		"row removed":       {func(o *observed) { o.Rows = o.Rows[1:] }, counts{lost: 1}, "lost: metro_exit 20261124/"},
		"row doubled":       {func(o *observed) { o.Rows = append(o.Rows, o.Rows[0]) }, counts{doubled: 1}, "posted 2 times"},
		"amount changed":    {func(o *observed) { o.Rows[0].Fen++ }, counts{wrong: 1}, "posted 286 fen, want 285"},
		"payee changed":     {func(o *observed) { o.Rows[1].Credit = "operator:zzmetro" }, counts{wrong: 1}, `want "suspense:unknown_terminal"`},
		"key changed":       {func(o *observed) { o.Rows[0].Key.ID += "00" }, counts{lost: 1, unexpected: 1}, "unexpected row"},
		"account part gone": {func(o *observed) { o.Rows = slices.Delete(o.Rows, 6, 7) }, counts{lost: 1}, "lost: medical_account"},
		"entry gone":        {func(o *observed) { o.Rows = slices.Delete(o.Rows, 2, 3) }, counts{lost: 1}, "lost: metro_entry"},
		"bill gone": {func(o *observed) {
			o.Rows = slices.DeleteFunc(o.Rows, func(r Row) bool { return strings.HasPrefix(r.Key.ID, "1003") })
		}, counts{lost: 1}, "lost: medical_cash"},
		"bill was paid": {func(o *observed) {
			o.Rows[slices.IndexFunc(o.Rows, func(r Row) bool { return strings.HasPrefix(r.Key.ID, "1003") })].Fen = 1
		}, counts{wrong: 1}, "posted 1 fen, want 0"},
		"stray order":    {func(o *observed) { o.Rows[4].Key.ID = "03020009" }, counts{unexpected: 1}, "belongs to no load"},
		"reject missing": {func(o *observed) { o.Memos = o.Memos[1:] }, counts{lost: 1}, "lost: disputed"},
		"reject doubled": {func(o *observed) { o.Memos = append(o.Memos, o.Memos[1]) }, counts{doubled: 1}, "kept 2 times"},
		"reason changed": {func(o *observed) { o.Memos[1].Reason = "undecodable" }, counts{wrong: 1}, "rejected as undecodable, want bad_tac"},
		"line by its own hash": {func(o *observed) {
			sum := sha256.Sum256([]byte("line ff"))
			o.Memos[3].Subject, o.Memos[3].SHA256 = "", hex.EncodeToString(sum[:])
		}, counts{}, ""},
		"line mixed up": {func(o *observed) { o.Memos[4].Subject = "ff" }, counts{lost: 1, doubled: 1, wrong: 1}, "amount_differs"},
		"reject from nowhere": {func(o *observed) {
			o.Memos = append(o.Memos, Memo{Topic: "taps", Verdict: Rejected, Reason: "bad_tac", SHA256: "00"})
		}, counts{unexpected: 1}, "unexpected: rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			records := someDay(t)
			o := books(records)
			c.change(&o)
			r := compare(t, records, o)
			if got := (counts{r.Lost, r.Doubled, r.Wrong, r.Unexpected}); got != c.want {
				t.Errorf("%+v, want %+v; found %q", got, c.want, r.Found)
			}
			if r.Agrees() != (c.want == counts{}) {
				t.Errorf("agrees: %v", r.Agrees())
			}
			if !strings.Contains(strings.Join(r.Found, "\n"), c.found) {
				t.Errorf("found %q, want something with %q", r.Found, c.found)
			}
		})
	}
}

func TestFindingsAreBounded(t *testing.T) {
	var records []Record
	b := NewBook()
	for i := range 50 {
		records = append(records, b.Enter(Entry{Topic: "taps", Value: fmt.Append(nil, i), Key: SpendKey(20261124, card(), 9, gate(), uint32(i)), Purpose: Bus, Fen: 1}))
	}
	if r := compare(t, records, observed{}); r.Lost != 50 || len(r.Found) != foundLimit {
		t.Errorf("lost %d, named %d; want 50 and %d", r.Lost, len(r.Found), foundLimit)
	}
}

func TestPurses(t *testing.T) {
	// e has 300 fen, and has paid 160 of which nobody has the TAC. So has f, whose tap was booked.
	purses := []Purse{{"a", 500, 0}, {"b", 700, 0}, {"c", 1, 0}, {"d", 0, 0}, {"e", 300, 160}, {"f", 300, 160}}
	got := ComparePurses(purses, map[string]int64{"a": 500, "b": -300, "e": 460, "f": 300})
	if want := []PurseMismatch{{"b", 700, 0, -300}, {"c", 1, 0, 0}, {"f", 300, 160, 300}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	records, purses := someDay(t), []Purse{{card(), 500, 0}}
	summary := Summarise(20261124, 7, records, purses)
	if summary.Sent != 13 || summary.Cleared != 6 || summary.Duplicates != 1 || summary.Disputed != 1 ||
		summary.Suspended["unknown_terminal"] != 1 || summary.Rejected["bad_tac"] != 1 || summary.Payees["hospital:h-101"] != 1000 || summary.Payees["operator:zzmetro"] != 285 {
		t.Errorf("summary %+v", summary)
	}
	if err := Write(dir, records, purses, summary); err != nil {
		t.Fatal(err)
	}
	gotRecords, err := ReadRecords(dir)
	if err != nil || !reflect.DeepEqual(gotRecords, records) {
		t.Errorf("records came back as %+v, %v", gotRecords, err)
	}
	gotPurses, err := ReadPurses(dir)
	if err != nil || !reflect.DeepEqual(gotPurses, purses) {
		t.Errorf("purses came back as %+v, %v", gotPurses, err)
	}
	gotSummary, err := ReadSummary(dir)
	if err != nil || !reflect.DeepEqual(gotSummary, summary) {
		t.Errorf("summary came back as %+v, %v", gotSummary, err)
	}
}
