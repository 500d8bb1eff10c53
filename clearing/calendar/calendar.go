package calendar

import (
	"crypto/sha256"
	_ "embed" // the example calendar
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/language"
	"citycard/ledger"
)

//go:embed example.csv
var example string

// ExampleCSV is the example calendar. It is no country's: Saturdays and Sundays rest, and a few
// holidays and working Sundays are invented.
func ExampleCSV() []byte { return []byte(example) }

// Kind is what a day is.
type Kind string

// The kinds. People work on a workday, whatever day of the week it is.
const (
	Workday Kind = "workday"
	Restday Kind = "restday"
	Holiday Kind = "holiday"
)

// Kinds lists all of them.
func Kinds() []Kind { return []Kind{Workday, Restday, Holiday} }

// Chinese is the kind in Chinese.
func (k Kind) Chinese() string {
	switch k {
	case Workday:
		return "工作日"
	case Restday:
		return "休息日"
	case Holiday:
		return "节假日"
	}
	return ""
}

// Day is a row of a calendar.
type Day struct {
	Date   ledger.Day
	Kind   Kind
	Source string
}

// exampleMark begins the source of a day for which nobody answers.
const exampleMark = "example:"

// Calendar is a checked calendar. The zero Calendar covers no year.
type Calendar struct{ days []Day } // all from the first to the last

// MissingYearError says that a calendar does not cover a year.
type MissingYearError struct{ Year int }

// Error says what to do.
func (e *MissingYearError) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *MissingYearError) In(l language.Language) string {
	return language.Textf("the calendar does not have the year %d: add every day of that year to calendar.csv", e.Year).In(l)
}

// YearOf is the year of a day.
func YearOf(day ledger.Day) int { return int(day / 10000) }

// Kind is what a day is; the error is a *MissingYearError.
func (c *Calendar) Kind(day ledger.Day) (Kind, error) {
	if !c.covers(day) {
		return "", &MissingYearError{YearOf(day)}
	}
	return c.days[since(c.days[0].Date, day)].Kind, nil
}

// covers reports whether the calendar has a day.
func (c *Calendar) covers(day ledger.Day) bool {
	return len(c.days) > 0 && c.days[0].Date <= day && day <= c.Last()
}

// since counts the days from one to another.
func since(first, day ledger.Day) int {
	return int(day.Time(time.UTC).Sub(first.Time(time.UTC)) / (24 * time.Hour))
}

// NextWorkday is the first workday after a day. The error is a *MissingYearError, of the first year
// in which the calendar would have to be known further.
func (c *Calendar) NextWorkday(day ledger.Day) (ledger.Day, error) {
	for {
		day = day.Next()
		switch kind, err := c.Kind(day); {
		case err != nil:
			return 0, err
		case kind == Workday:
			return day, nil
		}
	}
}

// Last is the last day that is covered, 31 December of a year.
func (c *Calendar) Last() ledger.Day {
	if len(c.days) == 0 {
		return 0
	}
	return c.days[len(c.days)-1].Date
}

// Between gives the days from one to another, as far as the calendar has them.
func (c *Calendar) Between(first, last ledger.Day) iter.Seq[Day] {
	return func(yield func(Day) bool) {
		for _, day := range c.days {
			if first <= day.Date && day.Date <= last && !yield(day) {
				return
			}
		}
	}
}

// years gives the covered years, each with its days.
func (c *Calendar) years() iter.Seq2[int, []Day] {
	return func(yield func(int, []Day) bool) {
		for left := c.days; len(left) > 0; {
			year, n := YearOf(left[0].Date), 365
			if left[n-1].Date.Next() != ledger.Day(year+1)*10000+101 {
				n = 366
			}
			if !yield(year, left[:n]) {
				return
			}
			left = left[n:]
		}
	}
}

// Examples names the years in which days are marked as examples, in one text if there are any.
func (c *Calendar) Examples() []string {
	var spans []string
	first, last := 0, 0
	end := func() {
		switch {
		case first == 0:
		case first == last:
			spans = append(spans, fmt.Sprint(first))
		default:
			spans = append(spans, fmt.Sprintf("%d to %d", first, last))
		}
		first = 0
	}
	for year, days := range c.years() {
		switch {
		case !slices.ContainsFunc(days, func(d Day) bool { return strings.HasPrefix(d.Source, exampleMark) }):
			end()
		case first == 0:
			first, last = year, year
		default:
			last = year
		}
	}
	if end(); len(spans) == 0 {
		return nil
	}
	return []string{strings.Join(spans, ", ")}
}

// Terms are the covered years. The name of each has a hash of the kinds of its days. A calendar has
// no versions that begin: the days of a year may still change, each until it comes (Changes).
func (c *Calendar) Terms() []rulefile.Term {
	var terms []rulefile.Term
	for year, days := range c.years() {
		sum := sha256.New()
		for _, day := range days {
			fmt.Fprintf(sum, "%s %s\n", day.Date, day.Kind)
		}
		t := rulefile.Term{First: rulefile.StartOf(days[0].Date), Last: rulefile.EndOf(days[len(days)-1].Date), Content: [sha256.Size]byte(sum.Sum(nil))}
		t.Name = fmt.Sprintf("%d+%x", year, t.Content[:4])
		terms = append(terms, t)
	}
	return terms
}

// Change is a day of which two calendars say different things. A calendar that does not have the
// day has no kind for it.
type Change struct {
	Date        ledger.Day
	Was, Is     Kind
	WasOf, IsOf string // the sources
}

// Changes lists the days of which a calendar says something else than one before it, in order.
func (c *Calendar) Changes(before *Calendar) (changes []Change) {
	was, is := before.days, c.days
	for len(was) > 0 || len(is) > 0 {
		var change Change
		old := len(is) == 0 || len(was) > 0 && was[0].Date <= is[0].Date
		young := len(was) == 0 || len(is) > 0 && is[0].Date <= was[0].Date
		if old {
			change.Date, change.Was, change.WasOf = was[0].Date, was[0].Kind, was[0].Source
			was = was[1:]
		}
		if young {
			change.Date, change.Is, change.IsOf = is[0].Date, is[0].Kind, is[0].Source
			is = is[1:]
		}
		if change.Was != change.Is || change.WasOf != change.IsOf {
			changes = append(changes, change)
		}
	}
	return changes
}

// Message is the calendar as terminals get it. It was loaded, so it has days.
func (c *Calendar) Message() *message.DayKinds {
	m := &message.DayKinds{First: c.days[0].Date.String(), Kinds: make([]byte, len(c.days))}
	for i, day := range c.days {
		m.Kinds[i] = byte(slices.Index(Kinds(), day.Kind) + 1)
	}
	return m
}
