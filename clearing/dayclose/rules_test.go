package dayclose

import (
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/clearing/calendar"
	"citycard/clearing/docket"
	"citycard/ledger"
)

const twoRules = `{"note": "", "versions": [
  {"version": "a", "effective_from": "20200101", "wrong_share": "0.01", "wrong_least": 100, "value_workdays": 1, "example": true, "source": "test"},
  {"version": "b", "effective_from": "20260105", "wrong_share": "0", "wrong_least": 1, "value_workdays": 3, "example": false, "source": "test"}]}`

// TestRuleHolds goes to both bounds: 100 wrong TACs are enough, if they are more than one
// in a hundred: 100 of 10,000 are just one in a hundred, 100 of 9,999 are more.
func TestRuleHolds(t *testing.T) {
	rules, err := LoadRules([]byte(twoRules))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		day             ledger.Day
		verified, wrong int64
		want            bool
	}{
		{20260104, 0, 0, false},
		{20260104, 0, 99, false},
		{20260104, 0, 100, true},
		{20260104, 9_900, 100, false},
		{20260104, 9_899, 100, true},
		{20260104, 9_899, 99, false},
		{20260104, 2_000_000, 20_000, false},
		{20260104, 1_000_000, 20_000, true},
		{20260104, 1 << 62, 1 << 62, true},
		{20191231, 9_899, 100, true}, // before the first version its figures hold
		{20260105, 1_000_000, 1, true},
		{20260105, 1_000_000, 0, false},
	} {
		if got := rules.On(c.day).holds(docket.TACs{Verified: c.verified, Wrong: c.wrong}); got != c.want {
			t.Errorf("%+v: held is %v", c, got)
		}
	}
	if all := rules.Examples(); len(all) != 1 || all[0] != "a" {
		t.Errorf("examples %v, want a", all)
	}
	example, err := LoadRules(ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	if name, want := example.On(20200101).Name(), "example-2020+5409c9b0"; name != want {
		t.Errorf("records name it %q, as stored %q", name, want)
	}
}

// TestValueDate is worked out by hand: of days before 5 January 2026 the money is due one workday
// later, from then on three. People work on Sunday 4 January; Wednesday 7 January is a holiday. The
// calendar ends with 31 December 2026, a Thursday.
func TestValueDate(t *testing.T) {
	rows := "date,kind,source\n"
	for day := ledger.Day(20250101); day < 20270101; day = day.Next() {
		kind := calendar.Workday
		switch weekday := day.Time(time.UTC).Weekday(); {
		case day == 20260104:
		case day == 20260101 || day == 20260107:
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
	rules, err := LoadRules([]byte(twoRules))
	if err != nil {
		t.Fatal(err)
	}
	for cleared, want := range map[ledger.Day]ledger.Day{
		20251231: 20260102, // over new year, a holiday, to the Friday
		20260102: 20260104, // from the Friday to the working Sunday
		20260104: 20260105,
		20260105: 20260109, // Tuesday, Thursday, Friday
		20260106: 20260112, // Thursday, Friday, Monday
		20261228: 20261231,
	} {
		if due, err := rules.ValueDate(workdays, cleared); due != want || err != nil {
			t.Errorf("the money of %s is due on %s, %v; want %s", cleared, due, err, want)
		}
	}
	var missing *calendar.MissingYearError
	if due, err := rules.ValueDate(workdays, 20261229); !errors.As(err, &missing) || missing.Year != 2027 {
		t.Errorf("the money of 20261229 is due on %s, %v; want an error that names 2027", due, err)
	}
}

func TestLoadRulesRefuses(t *testing.T) {
	for want, change := range map[string][2]string{
		"versions: empty":                                          {twoRules, `{"versions": []}`},
		"after top-level value":                                    {twoRules, twoRules + "1"},
		"notes: no such field":                                     {`"note"`, `"notes"`},
		"versions[0].version":                                      {`"a"`, `"a+b"`},
		`versions[1].version: "a" again`:                           {`"b"`, `"a"`},
		`versions[0].effective_from: "20200230"`:                   {"20200101", "20200230"},
		"versions[1].effective_from: 2026-01-05T04:00, want a day": {"20260105", "2026-01-05T04:00"},
		"versions[1].effective_from: 20200101":                     {"20260105", "20200101"},
		"versions[0].wrong_share":                                  {`"0.01"`, `"1"`},
		"versions[1].wrong_share":                                  {`"0",`, `"-0.1",`},
		"versions[0].wrong_least: 0":                               {`"wrong_least": 100`, `"wrong_least": 0`},
		"versions[0].value_workdays: 0, want 1 to 30":              {`"value_workdays": 1`, `"value_workdays": 0`},
		"versions[1].value_workdays: 31, want 1 to 30":             {`"value_workdays": 3`, `"value_workdays": 31`},
		"versions[1].source":                                       {`"example": false, "source": "test"`, `"example": false, "source": ""`},
	} {
		if _, err := LoadRules([]byte(strings.Replace(twoRules, change[0], change[1], 1))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
