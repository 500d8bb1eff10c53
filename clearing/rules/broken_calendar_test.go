package rules_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"

	"citycard/clearing/rules"
)

// rows are the header and two years of the example's calendar, a row each.
func rows(t *testing.T) []string {
	t.Helper()
	all := []string{"date,kind,source"}
	for line := range strings.Lines(string(rules.Calendar.Example())) {
		if strings.HasPrefix(line, "2024") || strings.HasPrefix(line, "2025") {
			all = append(all, strings.TrimSpace(line))
		}
	}
	if len(all) != 1+366+365 {
		t.Fatalf("%d rows", len(all))
	}
	return all
}

// brokenRow is a way to break one row of a calendar, counted from 1 with the header.
type brokenRow struct {
	name   string
	row    int
	fault  string // with which a line of the error begins
	become []string
}

// brokenRows are the ways to break a row.
func brokenRows(all []string, row int) (ways []brokenRow) {
	fields := strings.SplitN(all[row-1], ",", 3)
	add := func(name, fault string, become ...string) {
		ways = append(ways, brokenRow{name, row, fmt.Sprintf("row %d: %s", row, fault), become})
	}
	with := func(column int, text string) string {
		changed := slices.Clone(fields)
		changed[column] = text
		return strings.Join(changed, ",")
	}
	for _, date := range wrongDays() {
		text, _ := strconv.Unquote(date)
		add("the date "+date, "date: ", with(0, text))
	}
	add("another year", "date: ", with(0, "20300101"))
	add("the first day again", "date: ", with(0, "20240101"))
	for _, kind := range []string{"", " ", "Workday", "WORKDAY", "weekend", "work day", "workday ", " holiday", "工作日", "0", "restdays", "holiday\u00a0", "NaN"} {
		add("the kind "+strconv.Quote(kind), "kind: ", with(1, kind))
	}
	for _, source := range []string{"", "   ", "　", "a\u0007b", "\u0000"} {
		fault := "source: "
		if source == "\u0000" {
			continue // named as UTF-16
		}
		add("the source "+strconv.Quote(source), fault, with(2, source))
	}
	add("two columns", "2 columns", fields[0]+","+fields[1])
	add("four columns", "4 columns", all[row-1]+",more")
	add("one column", "1 columns", fields[0])
	add("semicolons", "1 columns", strings.ReplaceAll(fields[0]+";"+fields[1], ",", ";"))
	add("a quotation mark", "", with(1, `work"day`))
	add("an open quotation mark", "", with(1, `workday",x"`))
	add("twice", "date: ", all[row-1])
	ways[len(ways)-1].become = []string{all[row-1], all[row-1]}
	ways[len(ways)-1].fault = fmt.Sprintf("row %d: date: %s again", row+1, fields[0])
	if row < len(all) {
		add("left out", "date: ")
	}
	return ways
}

func broken(all []string, ways ...brokenRow) []byte {
	changed := slices.Clone(all)
	for _, b := range slices.Backward(ways) { // by rows, so that the later goes first
		changed = slices.Replace(changed, b.row-1, b.row, b.become...)
	}
	return []byte(strings.Join(changed, "\n") + "\n")
}

// TestBrokenCalendar breaks rows of a calendar, one and two at a time.
func TestBrokenCalendar(t *testing.T) {
	all := rows(t)
	if err := rules.Check(rules.Calendar, broken(all)); err != nil {
		t.Fatal(err)
	}
	count := 0
	ways := map[int][]brokenRow{}
	for _, row := range []int{3, 60, 366, 367, 369, 500, 731, 732} {
		ways[row] = brokenRows(all, row)
		for _, b := range ways[row] {
			refused(t, rules.Calendar, fmt.Sprintf("row %d: %s", row, b.name), broken(all, b), []string{b.fault})
			count++
		}
	}
	t.Logf("broken in %d ways", count)
	if count < least {
		t.Errorf("broken in %d ways, want at least %d", count, least)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range least {
		a, b := ways[60][random.IntN(len(ways[60]))], ways[500][random.IntN(len(ways[500]))]
		if len(a.become) != 1 || strings.Contains(a.name, "quotation") || strings.Contains(b.name, "quotation") {
			continue // what follows has other numbers, or cannot be read
		}
		refused(t, rules.Calendar, a.name+"; "+b.name, broken(all, a, b), []string{a.fault, b.fault})
	}
}

// TestBrokenCalendarWhole breaks a calendar as a text.
func TestBrokenCalendarWhole(t *testing.T) {
	all := rows(t)
	good := string(broken(all))
	body := strings.TrimPrefix(good, all[0]+"\n")
	for name, c := range map[string]struct{ text, fault string }{
		"empty": {"", "row 1: empty"}, "only a header": {all[0] + "\n", "there is no day"}, "no header": {body, "row 1: the columns are"},
		"another header": {"day,kind,source\n" + body, "row 1: the columns are"}, "columns in another order": {"kind,date,source\n" + body, "row 1: the columns are"}, "capitals": {"Date,Kind,Source\n" + body, "row 1: the columns are"},
		"a column more": {"date,kind,source,note\n" + body, "row 1: the columns are"}, "semicolons": {strings.ReplaceAll(good, ",", ";"), "row 1: the columns are"}, "tabs": {strings.ReplaceAll(good, ",", "\t"), "row 1: the columns are"},
		"two byte-order marks": {"\xEF\xBB\xBF\xEF\xBB\xBF" + good, "row 1: "}, "a header twice": {all[0] + "\n" + good, "row 2: "}, "JSON": {`{"versions": []}`, "row 1: "}, "text behind": {good + "the end\n", "row 733: 1 columns"},
		"the second half": {all[0] + "\n" + strings.Join(all[400:], "\n"), "row 2: date: "}, "reversed": {all[0] + "\n" + strings.Join(reversed(all[1:]), "\n"), "row 2: date: "},
		"a year between left out": {all[0] + "\n" + strings.Join(all[1:367], "\n") + "\n20260101,holiday,x\n", "row 368: date: 20260101, want 20250101"},
		"9 MB":                    {good + strings.Repeat("#\n", 9<<19), fmt.Sprint(len(good)+9<<20, " bytes, want at most")}, "a zero byte": {good + "\x00", "not UTF-8, UTF-16 perhaps"}, "a field of 1 MB": {strings.Replace(good, "workday", strings.Repeat("w", 1<<20), 1), "row 3: kind: "},
	} {
		refused(t, rules.Calendar, name, []byte(c.text), []string{c.fault})
	}
	for part := range 100 {
		cut := good[:len(good)*part/100]
		last := 1 + strings.Count(cut, "\n")
		fault := fmt.Sprintf("row %d: ", last)
		if line := cut[strings.LastIndex(cut, "\n")+1:]; line == "" && part > 0 || strings.Count(line, ",") == 2 && !strings.HasSuffix(line, ",") {
			fault = "the year 20" // the last row is whole, or only its source is shorter
		}
		if last == 1 {
			fault = "row 1: "
		}
		refused(t, rules.Calendar, fmt.Sprintf("cut after %d hundredths", part), []byte(cut), []string{fault})
	}
	chinese := strings.Replace(good, "example", "国务院", 1)
	if chinese == good {
		chinese = good + "# 国务院\n"
	}
	for name, encode := range map[string]func(string) (string, error){
		"GBK": simplifiedchinese.GBK.NewEncoder().String, "UTF-16": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String,
	} {
		text, err := encode(chinese)
		if err != nil {
			t.Fatal(err)
		}
		refused(t, rules.Calendar, name, []byte(text), []string{"not UTF-8, " + name + " perhaps"})
	}
}

func reversed(all []string) []string {
	all = slices.Clone(all)
	slices.Reverse(all)
	return all
}
