package pension

import (
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/clearing/calendar"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// twoVersions end and begin between 2025 and 2026.
const twoVersions = `{"note": "", "versions": [
  {"version": "a", "effective_from": "20200101", "effective_to": "20251231", "months_back": 0, "months_ahead": 0,
   "payday_days_back": 0, "payday_days_ahead": 0, "payday_on": "any", "person_fen": 100, "batch_lines": 1, "batch_fen": 100, "example": false, "source": "test"},
  {"version": "b", "effective_from": "20260101", "effective_to": "", "months_back": 13, "months_ahead": 2,
   "payday_days_back": 5, "payday_days_ahead": 30, "payday_on": "workday", "person_fen": 1000, "batch_lines": 3, "batch_fen": 2500, "example": true, "source": "test"}]}`

func bounds(t *testing.T, day ledger.Day) *Bounds {
	t.Helper()
	rules, err := LoadRules([]byte(twoVersions))
	if err != nil {
		t.Fatal(err)
	}
	b, ok := rules.On(day)
	if !ok {
		t.Fatalf("no rules on %s", day)
	}
	return b
}

// TestBounds goes to the ends of each range and one step beyond. On 15 January 2026 the
// 13 months back begin with December 2024, the 2 ahead end with March 2026; 5 days back is
// the 10th, 30 days ahead 14 February.
func TestBounds(t *testing.T) {
	const clearing ledger.Day = 20260115
	for _, c := range []struct {
		list List
		want verdict.Reason
	}{
		{List{202601, 20260115, 3, 2500}, ""},
		{List{202412, 20260115, 1, 1}, ""},
		{List{202411, 20260115, 1, 1}, verdict.ImplausibleMonth},
		{List{202603, 20260115, 1, 1}, ""},
		{List{202604, 20260115, 1, 1}, verdict.ImplausibleMonth},
		{List{202701, 20260115, 1, 1}, verdict.ImplausibleMonth},
		{List{202601, 20260110, 1, 1}, ""},
		{List{202601, 20260109, 1, 1}, verdict.ImplausiblePayday},
		{List{202601, 20260214, 1, 1}, ""},
		{List{202601, 20260215, 1, 1}, verdict.ImplausiblePayday},
		{List{202601, 20270115, 1, 1}, verdict.ImplausiblePayday},
		{List{202601, 20260115, 4, 1}, verdict.BatchTooLarge},
		{List{202601, 20260115, 3, 2501}, verdict.BatchTooLarge},
		{List{202604, 20270115, 4, 2501}, verdict.ImplausibleMonth},
		{List{202601, 20270115, 4, 2501}, verdict.ImplausiblePayday},
	} {
		got := bounds(t, clearing).Check(clearing, c.list)
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.list, got, c.want)
		}
	}
	b := bounds(t, clearing)
	if b.checkAmount(1000) != verdict.None || b.checkAmount(1001) == verdict.None {
		t.Error("1000 fen are allowed for a person and 1001 are not")
	}
}

// TestPaydayOnAWorkday takes a calendar of 2026 in which people work on Sunday 4 January, and in
// which Wednesday the 7th is a holiday. Version b wants a workday, version a of 2025 any day.
func TestPaydayOnAWorkday(t *testing.T) {
	rows := "date,kind,source\n"
	for day := ledger.Day(20260101); day < 20270101; day = day.Next() {
		kind := calendar.Workday
		switch weekday := day.Time(time.UTC).Weekday(); {
		case day == 20260104:
		case day == 20260107:
			kind = calendar.Holiday
		case weekday == time.Saturday || weekday == time.Sunday:
			kind = calendar.Restday
		}
		rows += day.String() + "," + string(kind) + ",test\n"
	}
	workdays, err := calendar.Load([]byte(rows))
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadRules([]byte(twoVersions))
	if err != nil {
		t.Fatal(err)
	}
	rules := loaded.With(workdays)
	for _, c := range []struct {
		clearing ledger.Day
		list     List
		want     verdict.Reason
	}{
		{20260105, List{202601, 20260104, 1, 1}, ""}, // the working Sunday
		{20260105, List{202601, 20260107, 1, 1}, verdict.PaydayNotWorkday},
		{20260105, List{202601, 20260110, 1, 1}, verdict.PaydayNotWorkday}, // a Saturday
		{20260105, List{202601, 20260112, 1, 1}, ""},
		{20260105, List{202601, 20260107, 4, 1}, verdict.BatchTooLarge}, // the first reason counts
		{20261215, List{202612, 20261231, 1, 1}, ""},
		{20261215, List{202612, 20270104, 1, 1}, verdict.NoRule}, // the calendar does not have 2027
		{20251231, List{202512, 20251231, 1, 1}, ""},             // nor 2025, and there any day will do
		{20191231, List{201912, 20191231, 1, 1}, verdict.NoRule},
	} {
		if _, got := rules.Check(c.clearing, c.list); got != c.want {
			t.Errorf("on %s %+v: %q, want %q", c.clearing, c.list, got, c.want)
		}
	}
	if _, got := loaded.Check(20260105, List{202601, 20260105, 1, 1}); got != verdict.NoRule {
		t.Errorf("without a calendar: %q, want no_rule", got)
	}
}

// TestRulesAreDated finds the version of each day, and none before the first.
func TestRulesAreDated(t *testing.T) {
	rules, err := LoadRules([]byte(twoVersions))
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[ledger.Day]string{20200101: "a", 20251231: "a", 20260101: "b", 29991231: "b"} {
		if b, ok := rules.On(day); !ok || b.Version != want {
			t.Errorf("on %s: %v, want %s", day, b, want)
		}
	}
	if _, ok := rules.On(20191231); ok {
		t.Error("rules before the first day of the first version")
	}
	if all := rules.Examples(); len(all) != 1 || all[0] != "b" {
		t.Errorf("examples %v, want b", all)
	}
	// The month before January is last year's December.
	if reason := bounds(t, 20251231).Check(20251231, List{202512, 20251231, 1, 100}); reason != verdict.None {
		t.Error(reason)
	}
	terms := rules.Terms()
	other, err := LoadRules([]byte(strings.Replace(twoVersions, `"months_ahead": 2`, `"months_ahead": 3`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if len(terms) != 2 || !strings.HasPrefix(terms[0].Name, "a+") || !strings.HasPrefix(terms[1].Name, "b+") || slices.Equal(terms, other.Terms()) {
		t.Errorf("versions %v, and %v of other content", terms, other.Terms())
	}
}

func TestExample(t *testing.T) {
	rules, err := LoadRules(ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	if want := "example-2020+066a45f2"; rules.Terms()[0].Name != want {
		t.Errorf("records name it %q, as stored %q", rules.Terms()[0].Name, want)
	}
	if len(rules.Examples()) != 1 {
		t.Errorf("examples %v, want the one version marked", rules.Examples())
	}
}

func TestLoadRulesRefuses(t *testing.T) {
	for want, change := range map[string][2]string{
		"versions: empty":                                      {twoVersions, `{"versions": []}`},
		"after top-level value":                                {twoVersions, twoVersions + "{}"},
		"notes: no such field":                                 {`"note"`, `"notes"`},
		"versions[0].version":                                  {`"a"`, `""`},
		`versions[1].version: "a" again`:                       {`"b"`, `"a"`},
		"versions[0].effective_from":                           {`"20200101"`, `"20200230"`},
		"versions[0].effective_to: 20191231":                   {`"20251231"`, `"20191231"`},
		"versions[1].effective_from: 20251231":                 {`"20260101"`, `"20251231"`},
		"versions[1].months_back: 121":                         {`"months_back": 13`, `"months_back": 121`},
		"versions[1].months_ahead: -1":                         {`"months_ahead": 2`, `"months_ahead": -1`},
		"versions[1].payday_days_back: 367":                    {`"payday_days_back": 5`, `"payday_days_back": 367`},
		"versions[1].payday_days_ahead: -1":                    {`"payday_days_ahead": 30`, `"payday_days_ahead": -1`},
		"versions[1].person_fen: 0":                            {`"person_fen": 1000`, `"person_fen": 0`},
		"versions[1].batch_lines: 20001":                       {`"batch_lines": 3`, `"batch_lines": 20001`},
		"versions[1].batch_fen: 999, want 1000 ":               {`"batch_fen": 2500`, `"batch_fen": 999`},
		"versions[0].source":                                   {`"source": "test"`, `"source": ""`},
		`versions[1].payday_on: "sunday", want any or workday`: {`"payday_on": "workday"`, `"payday_on": "sunday"`},
		`versions[0].payday_on: missing`:                       {`"payday_on": "any", `, ``},
	} {
		file := strings.Replace(twoVersions, change[0], change[1], 1)
		if _, err := LoadRules([]byte(file)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
