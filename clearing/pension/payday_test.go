package pension

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPayday(t *testing.T) {
	earlier := string(ExampleJSON())
	later := strings.Replace(earlier, `"earlier"`, `"later"`, 1)
	for _, c := range []struct {
		name, file    string
		month         Month
		payday, until string
	}{
		// 10 February 2026 is a Tuesday; Monday 9, Friday 6, Thursday 5.
		{"a working day", earlier, 202602, "20260210", "20260205"},
		// 10 January 2026 is a Saturday: Friday 9. Then Thursday 8, Wednesday 7, Tuesday 6.
		{"a Saturday, earlier", earlier, 202601, "20260109", "20260106"},
		// Later: Monday 12. Then Friday 9, Thursday 8, Wednesday 7.
		{"a Saturday, later", later, 202601, "20260112", "20260107"},
		// Day 2 of January is a Friday; New Year's Day does not count, nor the weekend:
		// Wednesday 31, Tuesday 30, Monday 29 December.
		{"over a holiday and a year", strings.Replace(earlier, `"day": 10`, `"day": 2`, 1), 202601, "20260102", "20251229"},
		// Sunday 4 January 2026 is a working day: paid on it; Friday 2, Wednesday 31, Tuesday 30.
		{"a working Sunday", strings.Replace(earlier, `"day": 10`, `"day": 4`, 1), 202601, "20260104", "20251230"},
		{"no lead", strings.Replace(earlier, `"bank_lead_days": 3`, `"bank_lead_days": 0`, 1), 202602, "20260210", "20260210"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, err := LoadPaydays([]byte(c.file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := rules.For(c.month)
			if want := (Payday{c.month, c.payday, c.until, "example-2023"}); err != nil || got != want {
				t.Errorf("%+v %v, want %+v", got, err, want)
			}
		})
	}
}

func TestVersionOfTheMonth(t *testing.T) {
	rules, err := LoadPaydays(ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	if got := rules.Examples(); len(got) != 1 || got[0] != "example-2023" {
		t.Errorf("marked as examples: %v", got)
	}
	text := string(ExampleJSON())
	start, end := strings.Index(text, `"versions": [`)+len(`"versions": [`), strings.LastIndex(text, "]")
	first := strings.Replace(text[start:end], `"effective_to": ""`, `"effective_to": "202512"`, 1)
	second := strings.NewReplacer("example-2023", "real-2026", `"202301"`, `"202601"`, `"day": 10`, `"day": 15`, `"example": true`, `"example": false`).Replace(text[start:end])
	if rules, err = LoadPaydays([]byte(text[:start] + first + "," + second + text[end:])); err != nil {
		t.Fatal(err)
	}
	// 10 December 2025 is a Wednesday, 15 January 2026 a Thursday.
	for month, want := range map[Month]string{202512: "20251210", 202601: "20260115"} {
		if got, err := rules.For(month); err != nil || got.Day != want {
			t.Errorf("%s: %+v %v, want %s", month, got, err, want)
		}
	}
	overlap := strings.Replace(second, `"202601"`, `"202512"`, 1)
	if _, err := LoadPaydays([]byte(text[:start] + first + "," + overlap + text[end:])); err == nil || !strings.Contains(err.Error(), "versions[1].effective_from: 202512") {
		t.Errorf("overlap: %v", err)
	}
}

func TestNoPayday(t *testing.T) {
	rules, err := LoadPaydays(ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	for _, month := range []Month{0, 202213, 202212, -5} {
		if got, err := rules.For(month); err == nil {
			t.Errorf("%d: %+v", month, got)
		}
	}
	// A calendar that is all holidays is an error, not an endless search.
	var off []string
	for day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() == 2026; day = day.AddDate(0, 0, 1) {
		if !isWeekend(day) {
			off = append(off, day.Format(dateLayout))
		}
	}
	rules.versions[0].Holidays, rules.versions[0].WorkingDays = off, nil
	if got, err := rules.For(202606); err == nil {
		t.Errorf("no working day all year: %+v", got)
	}
}

func TestPaydayProperties(t *testing.T) {
	rules, err := LoadPaydays(ExampleJSON())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		month := Month(rapid.Int32Range(2023, 2100).Draw(t, "year")*100 + rapid.Int32Range(1, 12).Draw(t, "month"))
		payday, err := rules.For(month)
		if err != nil {
			t.Fatal(err)
		}
		day, err := time.Parse(dateLayout, payday.Day)
		if err != nil || isWeekend(day) && payday.Day != "20260104" || MonthOf(day) != month || day.Day() > 10 {
			t.Fatalf("%s: %+v", month, payday)
		}
		if payday.SendBy >= payday.Day {
			t.Fatalf("%s: sent on payday: %+v", month, payday)
		}
	})
}

func TestPaydayFileFaults(t *testing.T) {
	for _, c := range []struct {
		name, old, new, want string
	}{
		{"day", `"day": 10`, `"day": 29`, "versions[0].day: 29, want 1 to 28"},
		{"shift", `"earlier"`, `"whenever"`, `versions[0].shift: "whenever"`},
		{"lead", `"bank_lead_days": 3`, `"bank_lead_days": -1`, "versions[0].bank_lead_days: -1, want 0 to 20"},
		{"holiday on a weekend", `"20260101"`, `"20260103"`, `versions[0].holidays[0]: "20260103"`},
		{"working day on a weekday", `"20260104"`, `"20260105"`, `versions[0].working_weekend_days[0]: "20260105"`},
		{"no such holiday", `"20260101"`, `"20260132"`, `versions[0].holidays[0]: "20260132"`},
		{"from", `"202301"`, `"20230101"`, `versions[0].effective_from: "20230101", want YYYYMM`},
		{"to", `"effective_to": ""`, `"effective_to": "202212"`, "versions[0].effective_to: 202212 is before"},
		{"no such to", `"effective_to": ""`, `"effective_to": "never"`, `versions[0].effective_to: "never"`},
		{"version", `"example-2023"`, `""`, "versions[0].version"},
		{"unknown field", `"shift"`, `"shirt"`, `unknown field "shirt"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := string(ExampleJSON())
			if !strings.Contains(text, c.old) {
				t.Fatalf("the example holds no %s", c.old)
			}
			_, err := LoadPaydays([]byte(strings.Replace(text, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
		})
	}
	for _, text := range []string{"", `{"versions": []}`, string(ExampleJSON()) + "x"} {
		if _, err := LoadPaydays([]byte(text)); err == nil {
			t.Errorf("%.20q: accepted", text)
		}
	}
}
