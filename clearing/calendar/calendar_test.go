package calendar

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/ledger"
)

// rows are a file in which Saturdays and Sundays of some years rest, and other days are as given.
func rows(first, last int, other map[ledger.Day]Kind) []string {
	lines := []string{columns}
	for day := ledger.Day(first*10000 + 101); YearOf(day) <= last; day = day.Next() {
		kind := Workday
		if weekday := day.Time(time.UTC).Weekday(); weekday == time.Saturday || weekday == time.Sunday {
			kind = Restday
		}
		if given, ok := other[day]; ok {
			kind = given
		}
		lines = append(lines, fmt.Sprintf("%s,%s,test", day, kind))
	}
	return lines
}

func text(lines []string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }

func load(t *testing.T, lines []string) *Calendar {
	t.Helper()
	c, err := Load(text(lines))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestWorkdays is worked out by hand. 1 January 2026 is a Thursday. Here it and the Friday are
// holidays, people work on Sunday the 4th, and Wednesday the 7th is a holiday. 31 December 2026, a
// Thursday, is the last day that is covered.
func TestWorkdays(t *testing.T) {
	c := load(t, rows(2025, 2026, map[ledger.Day]Kind{20260101: Holiday, 20260102: Holiday, 20260104: Workday, 20260107: Holiday}))
	for day, want := range map[ledger.Day]Kind{
		20250101: Workday, 20251231: Workday, 20260101: Holiday, 20260102: Holiday, 20260103: Restday, 20260104: Workday,
		20260105: Workday, 20260107: Holiday, 20260110: Restday, 20260111: Restday, 20261231: Workday,
	} {
		if got, err := c.Kind(day); got != want || err != nil {
			t.Errorf("%s is a %s, %v; want %s", day, got, err, want)
		}
	}
	for day, want := range map[ledger.Day]ledger.Day{
		20251230: 20251231, // within the week
		20251231: 20260104, // over new year, to the working Sunday
		20260103: 20260104, // from a Saturday
		20260104: 20260105, // from the working Sunday
		20260106: 20260108, // over the Wednesday
		20260107: 20260108,
		20260109: 20260112, // over a weekend
		20261230: 20261231,
		20241231: 20250101, // from a day that is not covered
	} {
		if got, err := c.NextWorkday(day); got != want || err != nil {
			t.Errorf("after %s comes %s, %v; want %s", day, got, err, want)
		}
	}
	for day, year := range map[ledger.Day]int{20261231: 2027, 20270101: 2027, 20241230: 2024, 20300301: 2030} {
		var missing *MissingYearError
		if got, err := c.NextWorkday(day); !errors.As(err, &missing) || missing.Year != year {
			t.Errorf("after %s comes %s, %v; want an error that names %d", day, got, err, year)
		}
	}
	if _, err := c.Kind(20270101); err == nil || !strings.Contains(err.Error(), "does not have the year 2027: add every day") {
		t.Errorf("a day that is not covered: %v", err)
	}
	if _, err := new(Calendar).NextWorkday(20260101); err == nil || new(Calendar).Last() != 0 {
		t.Error("no calendar has a workday")
	}
	terms := c.Terms()
	if len(terms) != 2 || terms[0].First.Day() != 20250101 || terms[1].Last.Day() != 20261231 || !strings.HasPrefix(terms[1].Name, "2026+") {
		t.Errorf("terms %+v", terms)
	}
}

// TestLeapYear: 2028 has 366 days, and the next year begins behind them.
func TestLeapYear(t *testing.T) {
	c := load(t, rows(2028, 2029, map[ledger.Day]Kind{20280229: Holiday}))
	if kind, err := c.Kind(20280229); kind != Holiday || err != nil {
		t.Error(kind, err)
	}
	if terms := c.Terms(); len(terms) != 2 || terms[0].Last.Day() != 20281231 || terms[1].First.Day() != 20290101 {
		t.Errorf("terms %+v", terms)
	}
}

// TestChanges compares calendars: a kind, a source, and a year that only one has.
func TestChanges(t *testing.T) {
	before := load(t, rows(2025, 2026, nil))
	lines := rows(2026, 2026, map[ledger.Day]Kind{20260104: Workday})
	lines[2] = strings.Replace(lines[2], ",test", ",notice 7", 1)
	changes := load(t, lines).Changes(before)
	if len(changes) != 365+2 {
		t.Fatalf("%d changes, want the 365 days of 2025 and two", len(changes))
	}
	want := []Change{{20251231, Workday, "", "test", ""}, {20260102, Workday, Workday, "test", "notice 7"}, {20260104, Restday, Workday, "test", "test"}}
	if got := changes[364:]; !slices.Equal(got, want) {
		t.Errorf("changes %v, want %v", got, want)
	}
}

// TestLoadNamesEveryFault breaks a file of 2026, in which the day of year n is in row n+1.
func TestLoadNamesEveryFault(t *testing.T) {
	whole := rows(2026, 2026, nil)
	change := func(edit func(lines []string) []string) []byte { return text(edit(slices.Clone(whole))) }
	set := func(row int, line string) []byte {
		return change(func(lines []string) []string { lines[row-1] = line; return lines })
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"nothing":              {nil, "row 1: empty file, want the header date,kind,source"},
		"no day":               {[]byte(columns), "there is no day, want every day of a year"},
		"another column":       {set(1, "date,kind,source,name"), `row 1: the columns are "date,kind,source,name", want "date,kind,source"`},
		"a column too few":     {set(3, "20260102,workday"), "row 3: 2 columns, want date,kind,source"},
		"a missing day":        {change(func(l []string) []string { return slices.Delete(l, 2, 3) }), "row 3: date: 20260103, want 20260102; 20260102 is missing"},
		"missing days":         {change(func(l []string) []string { return slices.Delete(l, 2, 12) }), "row 3: date: 20260112, want 20260102; 20260102 to 20260111 are missing"},
		"a doubled day":        {change(func(l []string) []string { return slices.Insert(l, 3, l[2]) }), "row 4: date: 20260102 again, row 3 has it"},
		"an unknown kind":      {set(3, "20260102,weekend,test"), `row 3: kind: "weekend", want one of [workday restday holiday]`},
		"no kind":              {set(3, "20260102,,test"), `row 3: kind: "", want one of [workday restday holiday]`},
		"no source":            {set(3, "20260102,workday, "), `row 3: source: " ", want in one line where the day's kind is stated`},
		"a source of lines":    {set(3, "20260102,workday,\"a\nb\""), `row 3: source: "a\nb", want in one line where the day's kind is stated`},
		"a source that turns":  {set(3, "20260102,workday,a \u202Etset"), `row 3: source: the character U+202E in it, want only characters that can be seen`},
		"a source of nothing":  {set(3, "20260102,workday,\u200B"), `row 3: source: the character U+200B in it, want only characters that can be seen`},
		"a source as a book":   {set(3, "20260102,workday,"+strings.Repeat("国", 4001)), `row 3: source: 4001 characters, want at most 4000`},
		"a day that is none":   {set(61, "20260230,workday,test"), `row 61: date: "20260230", want a day of the calendar YYYYMMDD`},
		"a day as Excel shows": {set(3, "2026/1/2,workday,test"), `row 3: date: "2026/1/2", want a day of the calendar YYYYMMDD`},
		"a year cut short":     {change(func(l []string) []string { return l[:91] }), "the year 2026 is cut short: 20260401 to 20261231 are missing"},
		"the last day missing": {change(func(l []string) []string { return l[:365] }), "the year 2026 is cut short: 20261231 is missing"},
		"a late beginning":     {change(func(l []string) []string { return slices.Delete(l, 1, 32) }), "row 2: date: 20260201, want 1 January: a calendar has whole years; 20260101 to 20260131 are missing"},
		"a quote":              {set(3, `20260102,workday,a "test`), `row 3: bare " in non-quoted-field`},
		"a comment": {
			change(func(l []string) []string { return slices.Delete(slices.Insert(l, 0, "# comment"), 3, 4) }), "row 4: date: 20260103, want 20260102; 20260102 is missing",
		},
	} {
		if _, err := Load(c.data); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}

	// Two rows that changed places, a year that is left out, and three faults in one file.
	swapped := slices.Clone(whole)
	swapped[2], swapped[3] = swapped[3], swapped[2]
	for want, data := range map[string][]byte{
		"row 3: date: 20260103, want 20260102; 20260102 is missing\nrow 4: date: 20260102 stands behind a later day": text(swapped),
		"row 367: date: 20280101, want 20270101; 20270101 to 20271231 are missing":                                   text(append(slices.Clone(whole), rows(2028, 2028, nil)[1:]...)),
		"row 3: kind: \"rest\", want one of [workday restday holiday]\nrow 3: source: \"\", want in one line where the day's kind is stated\nrow 367: date: 20261231 again, row 366 has it": append(
			set(3, "20260102,rest,"), []byte("20261231,workday,test\n")...),
	} {
		if _, err := Load(data); err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
	many := slices.Clone(whole)
	for range 5 {
		many = append(many, whole[1:]...)
	}
	if _, err := Load(text(many)); err == nil || !strings.HasSuffix(err.Error(), "and 825 faults more") {
		t.Errorf("5 times 365 faults, of which 1000 are named: %.100v", err)
	}
}

// TestBrokenFiles breaks the example in generated ways. None is accepted, and the row is named.
func TestBrokenFiles(t *testing.T) {
	whole := strings.Split(strings.TrimSuffix(string(ExampleCSV()), "\n"), "\n")
	header := slices.Index(whole, columns)
	for seed := range uint64(200) {
		dice := rand.New(rand.NewPCG(seed, 1))
		lines := slices.Clone(whole)
		at := header + 1 + dice.IntN(len(lines)-header-2) // not the last row
		fields := strings.Split(lines[at], ",")
		what, named := dice.IntN(8), at+1 // the row that the fault names
		switch what {
		case 0:
			lines = slices.Delete(lines, at, at+1)
		case 1:
			lines = slices.Insert(lines, at, lines[at])
			named = at + 2
		case 2:
			lines[at], lines[at+1] = lines[at+1], lines[at]
		case 3:
			lines[at] = fields[0] + "," + strings.ToUpper(fields[1]) + "," + fields[2]
		case 4:
			lines[at] = fields[0] + "," + fields[1] + ","
		case 5:
			lines[at] = fields[0][:7] + "," + fields[1] + "," + fields[2]
		case 6:
			lines[at] += ",name"
		case 7:
			lines[at] = lines[at][:dice.IntN(10)]
			if lines[at] == "" {
				named = at + 2 // an empty line is no row
			}
		}
		if _, err := Load(text(lines)); err == nil || !strings.Contains(err.Error()+":", fmt.Sprintf("row %d:", named)) && at > header+1 {
			t.Errorf("seed %d, way %d: %v; want it to name row %d", seed, what, err, named)
		}
	}
}

// TestExample holds the example to its text: every day of its years is marked, weekends rest, and
// what does not follow the week says so.
func TestExample(t *testing.T) {
	c, err := Load(ExampleCSV())
	if err != nil {
		t.Fatal(err)
	}
	if all := c.Examples(); !slices.Equal(all, []string{"2020 to 2035"}) {
		t.Errorf("examples %q", all)
	}
	counts := map[string]int{}
	for day := range c.Between(20260101, 20261231) {
		weekday := day.Date.Time(time.UTC).Weekday()
		weekend := weekday == time.Saturday || weekday == time.Sunday
		counts[day.Source]++
		want := map[string]bool{
			"example: a weekday": day.Kind == Workday && !weekend, "example: a weekend": day.Kind == Restday && weekend,
			"example: an invented holiday": day.Kind == Holiday, "example: an invented working Sunday": day.Kind == Workday && weekday == time.Sunday,
		}
		if !want[day.Source] {
			t.Errorf("%s, a %s, is a %s: %s", day.Date, weekday, day.Kind, day.Source)
		}
	}
	if counts["example: an invented holiday"] != 7 || counts["example: an invented working Sunday"] != 2 {
		t.Errorf("days of 2026 by source: %v", counts)
	}
	lines := rows(2026, 2029, nil)
	for row, line := range lines {
		if strings.HasPrefix(line, "2026") || strings.HasPrefix(line, "20280229") || strings.HasPrefix(line, "2029") {
			lines[row] = strings.Replace(line, ",test", ",example: test", 1)
		}
	}
	if all := load(t, lines).Examples(); !slices.Equal(all, []string{"2026, 2028 to 2029"}) {
		t.Errorf("examples %q, want 2026, 2028 to 2029", all)
	}
}

// FuzzLoad takes any bytes. What is accepted has every day of whole years once and in order.
func FuzzLoad(f *testing.F) {
	f.Add(text(rows(2026, 2026, nil)))
	f.Add(text(rows(2027, 2028, nil)[:400]))
	f.Add([]byte("# x\r\n" + columns + "\r\n20260101,\"holiday\",\"a, b\"\r\n"))
	f.Add([]byte("\"date,kind\n20260101,holiday,x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Load(data)
		if err != nil {
			if c != nil || err.Error() == "" {
				t.Errorf("%v, %v", c, err)
			}
			return
		}
		want := c.days[0].Date
		for _, day := range c.days {
			if day.Date != want || !day.Date.Valid() || day.Kind.Chinese() == "" || strings.TrimSpace(day.Source) == "" {
				t.Fatalf("%+v stands where %s is wanted", day, want)
			}
			want = want.Next()
		}
		if want%10000 != 101 || c.days[0].Date%10000 != 101 {
			t.Fatalf("it covers %s to %s", c.days[0].Date, c.Last())
		}
		var total int
		for _, days := range c.years() {
			total += len(days)
		}
		if total != len(c.days) || len(c.Changes(c)) != 0 {
			t.Fatalf("%d days in its years, of %d", total, len(c.days))
		}
	})
}
