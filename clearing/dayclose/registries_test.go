package dayclose_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/clearing/settlement"
	"citycard/ledger"
)

// Cells of random registries: mostly such as people mean, and now and then what a slip of the
// code page, a spreadsheet or somebody bad makes of them.
var (
	ids = cells([]string{"bus", "metro", "tram", "h1", "h2", "counter", "kiosk", "a-b", "a_b"},
		"BUS", "Bus", "H1", "Counter", "KIOSK", "-", "_", "index", "con", strings.Repeat("z", 32), strings.Repeat("z", 33), "", "a.b", "路", "a b", "a:b")
	names = cells([]string{"公交", "Metro", "", "A, \"B\" 'C'", "Zhèngzhōu №1"},
		"a\u0085b", "\u0085a\u0085", "a\u2028b", "a\u2029b", "a\tb", "a\nb", "a\r\nb", "a\x00b", "a\x7fb", "a\u009fb", "a\ufffdb", "a\xffb", "\\.", "#", "# sha256 0",
		"=1+1", "total", "\"", ",", " a ", "\u00a0", "\u200b", "\u202e", "\ufeff", strings.Repeat("柜", 66), strings.Repeat("柜", 67), strings.Repeat("a", 200), strings.Repeat("a", 201))
	days = cells([]string{"20200101", "20250101", "20260101"},
		"19000101", "18991231", "29991231", "30000101", "20260229", "00010101", "", "99999999", "20260105")
	lastDays = cells([]string{"", "", "20301231"}, "20200101", "20260104", "20260105", "19000101", "29991231", "x")
	amounts  = cells([]string{"100", "5000", "100000", "2000000000000000"},
		"0", "1", "100001", "2147483647", "2147483648", "10000000000", "10000000001", "1000000000000000", "1000000000000001",
		"9223372036854775807", "9223372036854775808", "-1", "1e3", "")
	tokens = cells([]string{clearingtest.Worker, clearingtest.Retired, strings.Repeat("a", 32), strings.Repeat("b", 32)}, strings.Repeat("A", 32), strings.Repeat("f", 31), "")
	cards  = cells([]string{clearingtest.Card, clearingtest.OtherCard, clearingtest.Stranger, "03105070200000000123"}, strings.Repeat("f", 20), "0310507020000000012A", "")
)

// cells draws one of the good ones, or now and then one of the others.
func cells(good []string, others ...string) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		// Draws lean to the ends of a range.
		if rapid.IntRange(0, 40).Draw(t, "odd")%20 != 7 {
			return rapid.SampledFrom(good).Draw(t, "cell")
		}
		return rapid.SampledFrom(others).Draw(t, "odd cell")
	})
}

// table draws a file, or none.
func table(t *rapid.T, files map[string]string, file, header string, columns ...*rapid.Generator[string]) {
	rows := rapid.IntRange(0, 3).Draw(t, file)
	if rows == 0 {
		return
	}
	var text strings.Builder
	text.WriteString(header + "\n")
	w := csv.NewWriter(&text)
	for range rows {
		record := make([]string, len(columns))
		for i, column := range columns {
			record[i] = column.Draw(t, file)
		}
		// It fails for nothing but its writer, which takes all.
		_ = w.Write(record)
	}
	w.Flush()
	files[file] = text.String()
}

// changes draws what somebody may try to import.
func changes() *rapid.Generator[map[string]string] {
	return rapid.Custom(func(t *rapid.T) map[string]string {
		files := map[string]string{}
		named := func(file, header string, more ...*rapid.Generator[string]) {
			table(t, files, file, header, append(append([]*rapid.Generator[string]{ids, names, names}, more...), days, lastDays)...)
		}
		named("operators.csv", "id,name,name_en,mode,effective_from,effective_to", cells([]string{"bus", "metro"}, "tram"))
		named("channels.csv", "id,name,name_en,effective_from,effective_to")
		named("hospitals.csv", "id,name,name_en,class,effective_from,effective_to", cells([]string{"community", "1", "3"}, "4"))
		table(t, files, "persons.csv", "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from", tokens,
			cells([]string{"employee", "none"}, "x"), cells([]string{"working", "retired"}, "x"), cells([]string{"0", "0", "500"}, "10000000001", "2000000000000000"), amounts,
			cells([]string{"", "203012"}, "203013"), days)
		table(t, files, "purses.csv", "card,issuer,fen,day", cards, cells([]string{clearingtest.Issuer}, "0102030405060708", "01014910ffff0000"), amounts, days)
		return files
	})
}

// TestAcceptedIsStated reads random changes. What the registry accepts can be stated and booked,
// and read again from where it is stored.
func TestAcceptedIsStated(t *testing.T) {
	base, err := registry.Import(clearingtest.WriteFiles(t, clearingtest.Files()))
	if err != nil {
		t.Fatal(err)
	}
	var accepted, refused int
	rapid.Check(t, func(rt *rapid.T) {
		draft, err := registry.Read(clearingtest.WriteFiles(t, changes().Draw(rt, "files")), base)
		if err != nil {
			refused++
			return
		}
		accepted++
		if err := dayclose.Rehearse(draft.Edition()); err != nil {
			rt.Fatalf("accepted, and no day can be closed: %v", err)
		}
		for _, opening := range chart.Openings(draft.Edition()) {
			if opening.Amount < 1 || opening.Amount > ledger.MaxAmount || !opening.Day.Valid() {
				rt.Fatalf("accepted, and cannot be booked: %+v", opening)
			}
		}
	})
	t.Logf("%d changes were accepted, %d refused", accepted, refused)
}

// TestAcceptedCloses imports random changes and approves what is accepted, with money booked
// for everybody: each time the process that runs takes the version up, one that starts does,
// all that it brings along is booked, and the day closes.
func TestAcceptedCloses(t *testing.T) {
	const wanted = 10
	for seed := range 2 {
		o := newOffice(t)
		store := registry.NewStore(o.ledger.Pool())
		live, err := store.Load(t.Context())
		o.must(err)
		running := registry.New(live)
		var log strings.Builder
		adopt := func(ctx context.Context, rows *index.Edition) error {
			return chart.Adopt(ctx, o.ledger, "test", rows, func(opening ledger.Transfer, err error) {
				t.Errorf("an opening of %d fen was not booked: %v\n%s", opening.Amount, err, log.String())
			})
		}
		day, accepted := today, 0
		for try := 0; try < 300 && accepted < wanted; try++ {
			files := changes().Example(1000*seed + try)
			draft, err := registry.Read(clearingtest.WriteFiles(t, files), running.Current())
			if err != nil || draft.Rows() == 0 {
				continue
			}
			accepted++
			fmt.Fprintf(&log, "change %d: %q\n", accepted, files)
			content, err := store.Keep(t.Context(), draft)
			o.must(err)
			o.must(store.Approve(t.Context(), content, ledger.Approval{First: "Li", Second: "Wang", Reason: "a test", At: today.Time(time.UTC)}))
			if err := running.Update(t.Context(), store, adopt); err != nil {
				t.Fatalf("a running process: %v\n%s", err, log.String())
			}
			started, err := store.Load(t.Context())
			if err == nil {
				err = adopt(t.Context(), started)
			}
			if err != nil || started.Version() != running.Version() {
				t.Fatalf("a process that starts: %v\n%s", err, log.String())
			}
			o.bookAll(started, day)
			result, err := o.closer.Close(t.Context(), day, day.Next())
			if err == nil {
				_, err = settlement.Verify(result.Files)
			}
			if err != nil {
				t.Fatalf("the close of %s: %v\n%s", day, err, log.String())
			}
			day = day.Next()
		}
		if accepted < wanted {
			t.Errorf("%d changes were accepted: the test says little", accepted)
		}
	}
}

// bookAll books something for everybody who may be owed something.
func (o *office) bookAll(e *index.Edition, day ledger.Day) {
	o.Helper()
	id := byte(0)
	var transfers []ledger.Transfer
	add := func(debit, credit string, purpose ledger.Purpose) {
		id++
		transfers = append(transfers, move(id, day, debit, credit, 7, purpose))
		transfers[len(transfers)-1].Subject = "all"
	}
	for _, operator := range e.Operators() {
		add(chart.Float, chart.Operator(operator.ID), chart.PurposeBus)
	}
	for _, hospital := range e.Hospitals() {
		add(chart.Fund("employee"), chart.Hospital(hospital.ID), chart.PurposeMedicalFund)
	}
	for _, channel := range e.Channels() {
		add(chart.Channel(channel.ID), chart.Unwritten, chart.PurposeLoadAuthorised)
	}
	o.post("taps/0", 0, transfers...)
}
