package truth

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/simulators/document"
	"citycard/simulators/network"
)

func file(t testing.TB, path ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// exampleRules are the example documents over the network of the built-in city.
func exampleRules(t testing.TB) *Rules {
	t.Helper()
	return rulesOf(t, map[string][]byte{
		networkDocument: network.Zhengzhou(), faresDocument: file(t, "../../clearing/transit/fare/example.json"),
		loadsDocument:   file(t, "../../clearing/transit/load/zhengzhou.json"),
		medicalDocument: file(t, "../../clearing/medical/example.json"), pensionDocument: file(t, "../../clearing/pension/example.json"),
	})
}

// inventedDocuments are those of a city with a loop, two changes of fares and one of the network
// within a day.
func inventedDocuments(t testing.TB) map[string][]byte {
	t.Helper()
	documents := map[string][]byte{}
	for _, name := range []string{networkDocument, faresDocument, loadsDocument, medicalDocument, pensionDocument, calendarDocument} {
		documents[name] = file(t, "testdata", name)
	}
	return documents
}

func invented(t testing.TB) *Rules { return rulesOf(t, inventedDocuments(t)) }

func rulesOf(t testing.TB, documents map[string][]byte) *Rules {
	t.Helper()
	r, err := Read(documents)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestInventedFares is worked out by hand. Shortest ways before noon: 1-4 2500 m (the loop closes),
// 1-3 4000, 1-5 8000, 1-6 12501, 2-4 4000, 4-6 12001, 2-6 11001. From noon on line 3 joins 1 and 6:
// 1-6 2000, 4-6 4500, and the longest are 1-5 with 6501 and 4-5 with 7500.
//
// Fares a, rounded up: 300 to 2.5 km, 70 for each 2.5 km begun to 7.5 km, then 90 for each 4 km
// begun: 300, 370, 440 at 7.5 km, 530 to 11.5 km, 620 beyond. Fares b, rounded down: 310 to 2.5 km,
// then 33 for each km begun. Fares c are b, rounded half-up.
func TestInventedFares(t *testing.T) {
	r := invented(t)
	const a, b, noon, c = 20261124_03_59_59, 20261124_04_00_00, 20261124_12_00_00, 20261124_16_30_00
	for _, test := range []struct {
		at          document.Moment
		card        uint32
		entry, exit int
		minutes     int
		want        int64
	}{
		{a, 1, 1, 4, 1, 278},                 // 300 * 0.925 = 277.5
		{a, 1, 4, 1, 1, 278},                 // and back
		{a, 1, 2, 2, 1, 278},                 // in and out
		{a, 1, 1, 3, 90, 343},                // 370 * 0.925 = 342.25
		{a, 1, 2, 4, 1, 343},                 // 4000 m over station 1, not 6000 over 3
		{a, 1, 1, 5, 1, 491},                 // 530 * 0.925 = 490.25
		{a, 1, 4, 6, 1, 574},                 // 620 * 0.925 = 573.5
		{a, 1, 2, 6, 1, 491},                 // 11001 m: 3501 m beyond 7.5 km are one step
		{a, 7, 1, 4, 1, 100},                 // 300 * 0.333333333 = 99.9999999
		{a, 7, 1, 5, 1, 177},                 // 530 * 0.333333333 = 176.66666649
		{a, 7, 1, 4, 91, 620},                // over the limit: the highest, without a discount
		{b, 1, 1, 4, 1, 279},                 // 310 * 0.9
		{b, 1, 1, 3, 60, 338},                // (310 + 2 * 33) * 0.9 = 338.4
		{b, 1, 1, 6, 1, 605},                 // (310 + 11 * 33) * 0.9 = 605.7
		{b, 1, 1, 3, 61, 673},                // the highest before noon
		{noon, 1, 1, 6, 1, 279},              // 2000 m
		{noon, 1, 4, 6, 1, 338},              // (310 + 2 * 33) * 0.9
		{noon, 1, 1, 4, 61, 475},             // the highest is now 310 + 5 * 33
		{20261124_16_29_59, 1, 1, 5, 1, 427}, // 475 * 0.9 = 427.5, before 16:30
		{c, 1, 1, 5, 1, 428},                 // half-up
		{20270101_00_00_00, 7, 1, 5, 1, 238}, // 237.5
		{20250101_00_00_00, 1, 1, 4, 1, 278}, // before the first version the first holds
	} {
		got, err := r.Fares(test.at).Metro(test.card, test.entry, test.exit, time.Duration(test.minutes)*time.Minute, "")
		if err != nil || got != test.want {
			t.Errorf("%+v: %d fen, %v", test, got, err)
		}
	}
	for _, test := range []struct {
		at         document.Moment
		card, line uint32
		want       int64
	}{
		{a, 1, 1, 150}, {a, 1, 70, 275}, {a, 7, 1, 75}, {a, 7, 70, 138}, // 137.5
		{b, 1, 1, 142}, {b, 1, 70, 261}, {b, 7, 70, 0}, // 142.5, 261.25
		{c, 1, 1, 143}, {c, 1, 70, 261},
	} {
		if got, err := r.Fares(test.at).Bus(test.card, test.line, ""); err != nil || got != test.want {
			t.Errorf("%+v: %d fen, %v", test, got, err)
		}
	}
	if _, err := r.Fares(a).Bus(2, 1, ""); err == nil {
		t.Error("card type 2 has a price")
	}
	if dearest, err := r.Fares(a).Dearest(); dearest != 620 || err != nil {
		t.Errorf("dearest ride %d, %v", dearest, err)
	}
	want := []document.Moment{b, noon, c}
	if got := r.Changes(20261123_00_00_00, 20261124_23_59_59); !slices.Equal(got, want) {
		t.Errorf("changes at %v, want %v", got, want)
	}
}

func TestInventedPurses(t *testing.T) {
	r := invented(t)
	for at, want := range map[document.Moment][2]int64{
		20200101_00_00_00: {30_000, 5_000}, 20261124_03_59_59: {30_000, 5_000}, 20261124_04_00_00: {20_000, 2_000}, 20300101_00_00_00: {20_000, 2_000},
	} {
		if got := [2]int64{r.PurseMaximum(at), r.LoadMultiple(at)}; got != want {
			t.Errorf("%d: %v, want %v", at, got, want)
		}
	}
	if r.LeastPurse() != 20_000 {
		t.Errorf("least purse %d", r.LeastPurse())
	}
}

// TestInventedMedical is worked out by hand. 10007 in scope: 9667 above the deductible of 333 at
// 60.5 % are 5848.535, 7 more at 12.34567 % are 0.8641969: 5849. The second time the deductible is
// a quarter, 83.25, so 83: 9917 at 60.5 % are 5999.785, with the rest 6000.649..., but only 3151
// are left to the ceiling of 9000. On 1 December the second table holds, which has no ceiling:
// (10007 - 100) / 2 = 4953.5.
func TestInventedMedical(t *testing.T) {
	r := invented(t)
	worker := Patient{Insurance: "employee", Status: "working"}
	visit := func(day int) Claim {
		return Claim{Day: day, Kind: "outpatient", Class: "2", Total: 10_007, InScope: 10_007}
	}
	for _, test := range []struct {
		day     int
		fund    int64
		refused string
	}{{20261129, 5_849, ""}, {20261130, 3_151, ""}, {20261201, 4_954, ""}, {20251231, 0, "no_rule"}, {20270101, 0, "no_rule"}} {
		split, refused := r.Settle(&worker, visit(test.day))
		if split.Fund != test.fund || refused != test.refused || refused == "" && split.Fund+split.Cash != 10_007 {
			t.Errorf("%+v: %+v, refused %q", test, split, refused)
		}
	}
	resident := Patient{Insurance: "resident", Status: "resident"}
	if split, refused := r.Settle(&resident, visit(20261129)); split.Fund != 0 || refused != "" {
		t.Errorf("a ceiling of 0: %+v, %q", split, refused)
	}
}

func TestInventedPension(t *testing.T) {
	r := invented(t)
	for _, test := range []struct {
		day   time.Time
		month string
		lines int
		want  string
		ok    bool
	}{
		{time.Date(2025, 12, 31, 0, 0, 0, 0, time.UTC), "202512", 1, "", false},
		{time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), "202611", 3, "", true},
		{time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), "202611", 4, "batch_too_large", true},
		{time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC), "202612", 3, "implausible_month", true},
		{time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), "202612", 4, "", true},
		{time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC), "202612", 4, "payday_not_workday", true},
		{time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC), "202612", 5, "batch_too_large", true},
		{time.Date(2030, 12, 1, 0, 0, 0, 0, time.UTC), "203112", 4, "no_rule", true}, // no calendar
	} {
		rule, ok := r.Pension(test.day)
		if ok != test.ok {
			t.Errorf("%+v: a rule %v", test, ok)
		}
		if !ok {
			continue
		}
		if got, err := rule.Refuses(test.day, test.month, test.day.Format("20060102"), test.lines, 9_000); err != nil || got != test.want {
			t.Errorf("%+v: %q, %v", test, got, err)
		}
	}
}

// TestPayday: of 2 to 5 December none is a workday, and a payday may be two days ahead.
func TestPayday(t *testing.T) {
	r := invented(t)
	for day, want := range map[int]int{1: 1, 2: 2, 3: 3, 4: 6, 5: 6, 6: 6} {
		at := time.Date(2026, 12, day, 0, 0, 0, 0, time.UTC)
		rule, ok := r.Pension(at)
		if got := rule.Payday(at); got.Day() != want || !ok {
			t.Errorf("a list of 2026-12-%02d pays on %s, %v", day, got, ok)
		}
	}
}

// TestReadRefuses: what truth does not understand it does not leave out.
func TestReadRefuses(t *testing.T) {
	for want, edit := range map[string][3]string{
		`no document fares.json`:                   {faresDocument, "", ""},
		`unknown field "peak"`:                     {faresDocument, `"rounding": "up",`, `"rounding": "up", "peak": 2,`},
		`rounding "upwards"`:                       {faresDocument, `"rounding": "up"`, `"rounding": "upwards"`},
		`versions[0].rounding: missing`:            {faresDocument, `"rounding": "up",`, ``},
		`versions[0].metro.base_km: missing`:       {faresDocument, `"base_km": "2.5", `, ``},
		`versions[0].metro.steps: empty`:           {faresDocument, `[{"to_km": "7.5", "per_km": "2.5", "fen": 70}, {"per_km": "4", "fen": 90}]`, `[]`},
		`metro.steps[0].per_km: missing`:           {faresDocument, `"per_km": "2.5", `, ``},
		`metro.steps[1].per_km: missing`:           {faresDocument, `"per_km": "4"`, `"per_km": null`},
		`metro.steps[0].to_km: want one`:           {faresDocument, `"to_km": "7.5", `, ``},
		`metro.steps[1].to_km: want one`:           {faresDocument, `{"per_km": "4"`, `{"to_km": "9", "per_km": "4"`},
		`versions[0].metro.limit_minutes: 0, want`: {faresDocument, `, "limit_minutes": 90`, ``},
		`medical.json: versions[0].rounding: miss`: {medicalDocument, `"rounding": "half_up",`, ``},
		`want 0 to 1`:                              {faresDocument, `"0.925"`, `"9.25"`},
		`at most nine decimals`:                    {faresDocument, `"0.925"`, `"0.9250000001"`},
		`in whole metres`:                          {faresDocument, `"base_km": "2.5"`, `"base_km": "2.5001"`},
		`not after the version before`:             {faresDocument, `"2026-11-24T04:00"`, `"20260101"`},
		`want a day YYYYMMDD or a time of day`:     {faresDocument, `"2026-11-24T04:00"`, `"2026-11-24 04:00"`},
		`no way leads from station 1 to station 7`: {networkDocument, `{"number": 6, "name": "己", "name_en": "F"}`, `{"number": 6, "name": "己", "name_en": "F"}, {"number": 7, "name": "庚", "name_en": "G"}`},
		`want a station from 1 to 6`:               {networkDocument, `{"station": 6, "metres": 4501}`, `{"station": 8, "metres": 4501}`},
		`versions: empty`:                          {pensionDocument, "", `{"versions": []}`},
		`text behind the document`:                 {loadsDocument, "", string(file(t, "testdata", loadsDocument)) + "{}"},
		`versions[0].maximum_fen: 0, want`:         {loadsDocument, `"maximum_fen": 30000, `, ``},
		`versions[1].maximum_fen: -1, want`:        {loadsDocument, `"maximum_fen": 20000`, `"maximum_fen": -1`},
		`versions[0].multiple_of_fen: 0, want`:     {loadsDocument, `"multiple_of_fen": 5000, `, ``},
		`versions[1].multiple_of_fen: -5, want`:    {loadsDocument, `"multiple_of_fen": 2000`, `"multiple_of_fen": -5`},
		`payday_on "sunday"`:                       {pensionDocument, `"workday"`, `"sunday"`},
		`versions[1].payday_on: missing, want`:     {pensionDocument, `"payday_on": "workday", `, ``},
		`versions[0].person_fen: 0, want`:          {pensionDocument, `"person_fen": 5000, `, ``},
		`versions[0].batch_lines: 0, want`:         {pensionDocument, `"batch_lines": 3, `, ``},
		`versions[1].batch_lines: -1, want`:        {pensionDocument, `"batch_lines": 4`, `"batch_lines": -1`},
		`versions[0].batch_fen: 0, want`:           {pensionDocument, `"batch_fen": 9000, `, ``},
		`versions[0].batch_fen stands twice`:       {pensionDocument, `"batch_fen": 9000`, `"batch_fen": 9000, "batch_fen": 9000`},
		`20261204 is a "rest"`:                     {calendarDocument, "20261204,restday", "20261204,rest"},
		`want a day YYYYMMDD or nothing`:           {medicalDocument, `"20261130"`, `"2026-11-30"`},
	} {
		documents := maps.Clone(inventedDocuments(t))
		name, old, changed := edit[0], edit[1], edit[2]
		switch text := string(documents[name]); {
		case old != "" && !strings.Contains(text, old):
			t.Errorf("%s has no %s", name, old)
		case old != "":
			documents[name] = []byte(strings.Replace(text, old, changed, 1))
		case changed != "":
			documents[name] = []byte(changed)
		default:
			delete(documents, name)
		}
		if _, err := Read(documents); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
