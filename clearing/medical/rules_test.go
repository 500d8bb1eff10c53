package medical

import (
	"strings"
	"testing"
	"time"

	"citycard/ledger"
)

// Every fault of a rule file is named by row and field.
func TestRuleFileFaults(t *testing.T) {
	for _, c := range []struct {
		name, old, new, want string
	}{
		{"misspelt field", `"deductible_fen": 20000`, `"deductable_fen": 20000`, "versions[0].schemes[0].deductable_fen: no such field"},
		{"negative deductible", `"deductible_fen": 30000`, `"deductible_fen": -1`, "versions[0].schemes[1].deductible_fen: -1, want 0 to"},
		{"ratio above one", `"bands": [{"ratio": "0.90"}]`, `"bands": [{"ratio": "1.01"}]`, "versions[0].schemes[2].bands[0].ratio"},
		{"ratio left out", `"bands": [{"ratio": "0.90"}]`, `"bands": [{}]`, "versions[0].schemes[2].bands[0].ratio"},
		{"no bands", `"bands": [{"ratio": "0.90"}]`, `"bands": []`, "versions[0].schemes[2].bands: empty"},
		{"readmission", `"readmission_ratio": "0.5"`, `"readmission_ratio": "-0.5"`, "versions[0].schemes[0].readmission_ratio: \"-0.5\", want a number"},
		{"ceiling", `"ceiling_fen": 180000`, `"ceiling_fen": -180000`, "versions[0].schemes[8].ceiling_fen: -180000"},
		{"bounded last band", `{"ratio": "0.90"}], "ceiling_fen": 15000000`, `{"up_to_fen": 200000, "ratio": "0.90"}], "ceiling_fen": 15000000`, "versions[0].schemes[16].bands[1].up_to_fen: 200000, want none"},
		{"unbounded first band", `{"up_to_fen": 100000, "ratio": "0.80"}`, `{"ratio": "0.80"}`, "versions[0].schemes[16].bands[0].up_to_fen: 0, want more than 0"},
		{"group twice, one missing", `"status": "working", "kind": "inpatient", "class": "1"`, `"status": "working", "kind": "inpatient", "class": "community"`, "versions[0].schemes[1]: employee/working/inpatient/community again"},
		{"group missing", `"status": "working", "kind": "inpatient", "class": "1"`, `"status": "working", "kind": "inpatient", "class": "community"`, "versions[0].schemes: no row for employee/working/inpatient/1"},
		{"no such group", `"insurance": "resident", "status": "resident"`, `"insurance": "resident", "status": "retired"`, "versions[0].schemes[16]: no such group"},
		{"date", `"20190101"`, `"20190230"`, `versions[0].effective_from: "20190230"`},
		{"ends first", `"effective_to": ""`, `"effective_to": "20181231"`, "versions[0].effective_to: 20181231 is before"},
		{"rounding", `"half_up"`, `"down"`, `versions[0].rounding: "down", want half_up`},
		{"version", `"version": "example-2019"`, `"version": ""`, `versions[0].version: "", want a name`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := string(ExampleJSON())
			if !strings.Contains(text, c.old) {
				t.Fatalf("the example holds no %s", c.old)
			}
			_, err := LoadRules([]byte(strings.Replace(text, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	for name, text := range map[string]string{
		"empty": "", "no versions": `{"versions": []}`, "trailing": string(ExampleJSON()) + "x",
	} {
		if _, err := LoadRules([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// twoVersions is the example up to the end of 2025, and again from then on.
func twoVersions(t *testing.T, secondFrom string) []byte {
	t.Helper()
	text := string(ExampleJSON())
	start, end := strings.Index(text, `"versions": [`)+len(`"versions": [`), strings.LastIndex(text, "]")
	one := text[start:end]
	first := strings.Replace(one, `"effective_to": ""`, `"effective_to": "20251231"`, 1)
	second := strings.Replace(strings.Replace(one, "20190101", secondFrom, 1), "example-2019", "example-2026", 1)
	return []byte(text[:start] + first + "," + second + text[end:])
}

func TestVersionOfTheDay(t *testing.T) {
	rules, err := LoadRules(twoVersions(t, "20260101"))
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]string{
		"20181231": "", "20190101": "example-2019", "20251231": "example-2019", "20260101": "example-2026", "20991231": "example-2026",
	} {
		got := ""
		if v, ok := rules.at(on(day)); ok {
			got = v.Version
		}
		if got != want {
			t.Errorf("%s: %q, want %q", day, got, want)
		}
	}
	if _, err := LoadRules(twoVersions(t, "20260102")); err == nil || !strings.Contains(err.Error(), "versions[1].effective_from: 20260102, want 20260101: no version holds on the days between") {
		t.Errorf("a gap: %v", err)
	}
	if _, err := LoadRules(twoVersions(t, "2026-01-01T00:00")); err == nil || !strings.Contains(err.Error(), `versions[1].effective_from: "2026-01-01T00:00", want a day YYYYMMDD`) {
		t.Errorf("a time of day: %v", err)
	}
	if _, err := LoadRules(twoVersions(t, "20251231")); err == nil || !strings.Contains(err.Error(), "versions[1].effective_from: 20251231") {
		t.Errorf("overlap: %v", err)
	}
}

// Nothing in the example may pass for an official figure.
func TestExampleIsMarked(t *testing.T) {
	// 3 groups of people, 2 kinds, 4 classes.
	if got := exampleRules(t).Examples(); len(got) != 24 || got[0] != "example-2019: employee/working/inpatient/community" {
		t.Errorf("%d rows are marked, want 24: %v", len(got), got)
	}
}

// Any change of a figure changes the version that settlements record.
func TestVersionNamesTheContent(t *testing.T) {
	rules, err := LoadRules([]byte(strings.Replace(string(ExampleJSON()), "0.95", "0.94", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := rules.Terms()[0].Name; got == exampleVersion || !strings.HasPrefix(got, "example-2019+") {
		t.Errorf("other figures are called %s", got)
	}
}

// TestLastVersionHasADate takes the last version alone: it holds on every day of the calendar, from
// a first day that a document could have.
func TestLastVersionHasADate(t *testing.T) {
	rules, err := LoadRules(ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	last := rules.Last()
	if first, err := ledger.ParseDay(last.versions[0].EffectiveFrom); err != nil || first != 19000101 {
		t.Errorf("it begins on %s, %v", first, err)
	}
	for _, day := range []ledger.Day{19000101, 20260105, 29991231} {
		if _, holds := last.at(day.Time(time.UTC)); !holds {
			t.Errorf("it does not hold on %s", day)
		}
	}
}
