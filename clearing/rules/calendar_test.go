package rules_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"citycard/clearing/calendar"
	"citycard/clearing/rules"
	"citycard/ledger"
)

// until is the example calendar up to the end of a year.
func until(year int) []byte {
	text := string(rules.Calendar.Example())
	return []byte(text[:strings.Index(text, fmt.Sprintf("%d0101,", year+1))])
}

// edited is a calendar in which one row reads otherwise.
func edited(t *testing.T, text []byte, row, other string) []byte {
	t.Helper()
	if bytes.Count(text, []byte("\n"+row+"\n")) != 1 {
		t.Fatalf("no row %s", row)
	}
	return bytes.Replace(text, []byte("\n"+row+"\n"), []byte("\n"+other+"\n"), 1)
}

// TestDaysThatHavePassedStay proposes calendars on 5 January 2026, a Monday. The day of the
// approval and those before it keep their kinds; the days after it may change, and every day its
// source.
func TestDaysThatHavePassedStay(t *testing.T) {
	o := newOffice(t)
	o.found()
	example := rules.Calendar.Example()
	const today, tomorrow, past = "20260105,workday,example: a weekday", "20260106,workday,example: a weekday", "20251231,workday,example: a weekday"
	_, from2021, _ := bytes.Cut(example, []byte("\n20210101,"))
	for name, c := range map[string]struct {
		content []byte
		want    string // "" if it is taken
	}{
		"tomorrow is a holiday":  {edited(t, example, tomorrow, "20260106,holiday,example: decree 7"), ""},
		"another source":         {edited(t, example, past, "20251231,workday,example: decree 7"), ""},
		"a year less to come":    {until(2034), ""},
		"today is a holiday":     {edited(t, example, today, "20260105,holiday,example: decree 7"), "calendar.csv: 20260105 would be holiday and was workday (days changed: 1); want the kinds of days up to 20260105 unchanged"},
		"two days":               {edited(t, edited(t, example, past, "20251231,restday,example: x"), today, "20260105,holiday,example: x"), "calendar.csv: 20251231 would be restday and was workday (days changed: 2)"},
		"a year of the past":     {append([]byte("date,kind,source\n20210101,"), from2021...), "calendar.csv: 20200101 would be missing and was holiday (days changed: 366)"},
		"no day of today's year": {until(2025), "calendar.csv: 20260105: the calendar does not have the year 2026: add every day of that year to calendar.csv"},
		"a faulty one":           {bytes.Replace(example, []byte("20290101,holiday"), []byte("20290101,fest"), 1), `calendar.csv: row 3295: kind: "fest", want one of [workday restday holiday]`},
	} {
		_, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Calendar: c.content}, o.now)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}

	// A holiday tomorrow is refused once tomorrow has come.
	draft, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Calendar: edited(t, example, tomorrow, "20260106,holiday,example: decree 7")}, o.now)
	o.must(err)
	number, err := o.store.Keep(t.Context(), draft)
	o.must(err)
	o.now = o.now.AddDate(0, 0, 1)
	if err := o.store.Approve(t.Context(), number, o.two()); err == nil || !strings.Contains(err.Error(), "20260106 would be holiday and was workday") {
		t.Errorf("approved a day late: %v", err)
	}
	o.now = o.now.AddDate(0, 0, -1)
	o.must(o.store.Approve(t.Context(), number, o.two()))
	set, err := o.store.InForce(t.Context())
	o.must(err)
	if kind, err := set.Calendar.Kind(20260106); kind != calendar.Holiday || err != nil {
		t.Errorf("20260106 is a %s, %v", kind, err)
	}
	// The example pays one workday later.
	if due, err := set.ValueDate(20260105); due != 20260107 || err != nil {
		t.Errorf("the money of 20260105 is due on %s, %v; want the day after the holiday", due, err)
	}
}

// TestAYearWithoutItsCalendar has a calendar up to 2026. Nothing may begin in 2027, and in 2027
// nothing may be approved but a calendar that has the year, though some of its days have passed.
func TestAYearWithoutItsCalendar(t *testing.T) {
	o := newOffice(t)
	contents := examples()
	contents[rules.Calendar] = until(2026)
	set, err := rules.Read(contents)
	o.must(err)
	late := o.by("server")
	late.At = time.Date(2027, 1, 1, 0, 0, 0, 0, o.zone)
	var missing *calendar.MissingYearError
	if err := o.store.Found(t.Context(), set, o.zone, late); !errors.As(err, &missing) || missing.Year != 2027 {
		t.Errorf("founded in a year without its calendar: %v", err)
	}
	if history, err := o.store.History(t.Context()); err != nil || len(history) > 0 {
		t.Errorf("after a refused founding: %v, %v", history, err)
	}
	o.must(o.store.Found(t.Context(), set, o.zone, o.by("server")))

	refused := func(name string, contents map[rules.Kind][]byte, want string) {
		t.Helper()
		if _, err := o.store.Draft(t.Context(), contents, o.now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	fares := func(from string) map[rules.Kind][]byte { return map[rules.Kind][]byte{rules.Fares: dearer(from)} }
	refused("fares of 2027", fares("2027-01-01T04:00"), "begins on 20270101: the calendar does not have the year 2027")
	draft, err := o.store.Draft(t.Context(), fares("20261231"), o.now)
	o.must(err)
	waiting, err := o.store.Keep(t.Context(), draft)
	o.must(err)
	with := fares("2027-01-01T04:00")
	with[rules.Calendar] = until(2027)
	if _, err := o.store.Draft(t.Context(), with, o.now); err != nil {
		t.Errorf("fares of 2027 with their calendar: %v", err)
	}

	o.now = time.Date(2027, 1, 5, 9, 0, 0, 0, o.zone)
	if err := o.store.Approve(t.Context(), waiting, o.two()); err == nil || !strings.Contains(err.Error(), "20270105: the calendar does not have the year 2027") {
		t.Errorf("approved in a year without its calendar: %v", err)
	}
	refused("medical tables", map[rules.Kind][]byte{rules.Medical: bytes.Replace(rules.Medical.Example(), []byte(`"deductible_fen": `), []byte(`"deductible_fen": 1`), 1)},
		"20270105: the calendar does not have the year 2027")
	draft, err = o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Calendar: until(2027)}, o.now)
	o.must(err)
	number, err := o.store.Keep(t.Context(), draft)
	o.must(err)
	o.must(o.store.Approve(t.Context(), number, o.two()))
	set, err = o.store.InForce(t.Context())
	o.must(err)
	if set.Calendar.Last() != ledger.Day(20271231) {
		t.Errorf("the calendar ends on %s", set.Calendar.Last())
	}
}

// TestCalendarFiles checks files as spreadsheets write them.
func TestCalendarFiles(t *testing.T) {
	example := until(2020)
	windows := append([]byte("\xEF\xBB\xBF"), bytes.ReplaceAll(example, []byte("\n"), []byte("\r\n"))...)
	windows = bytes.Replace(windows, []byte(" city's: Sat"), []byte(" city's,,: Sat"), 1) // cells that a spreadsheet adds
	if err := rules.Check(rules.Calendar, windows); err != nil {
		t.Errorf("as Excel saves it: %v", err)
	}
	for want, content := range map[string][]byte{
		"not UTF-8, GBK perhaps": bytes.Replace(example, []byte("an invented holiday"), []byte("\xd4\xaa\xb5\xa9"), 1),
		"want at most 8388608":   append(bytes.Clone(example), bytes.Repeat([]byte("#"), rules.MaxBytes)...),
	} {
		if err := rules.Check(rules.Calendar, content); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
