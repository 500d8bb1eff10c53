package rulefile

import (
	"fmt"
	"time"

	"citycard/cardos/bcd"
	"citycard/ledger"
)

// Moment is a second of the city's local time, written YYYYMMDDhhmmss as one number. It has no
// zone, as the time that a card signs has none, and compares with such a time as numbers do. The
// zero Moment is before all others.
type Moment int64

// Endless is the last second of the last term of a series.
const Endless Moment = 9999_12_31_23_59_59

// How moments are written: a day alone from its first second, and a time of day.
const (
	dayLayout     = "20060102"
	minuteLayout  = "2006-01-02T15:04"
	secondLayout  = "2006-01-02T15:04:05"
	packedLayout  = "20060102150405"
	wantedMoment  = "want a day YYYYMMDD or a time of day YYYY-MM-DDThh:mm"
	secondsOfADay = 1_000_000 // the digits behind a day
)

// MomentOf is the second in which t is, in t's own location.
func MomentOf(t time.Time) Moment {
	hour, minute, second := t.Clock()
	return StartOf(ledger.DayOf(t)) + Moment(hour*10000+minute*100+second)
}

// StartOf is the first second of a day.
func StartOf(day ledger.Day) Moment { return Moment(day) * secondsOfADay }

// EndOf is the last second of a day.
func EndOf(day ledger.Day) Moment { return StartOf(day) + 23_59_59 }

// SignedMoment reads the time that a card signed, BCD YYYYMMDDhhmmss, and reports whether its day
// is one. A time of day that is none still counts as one of that day: as its number, or as the
// day's first second where it has other digits than 0 to 9.
func SignedMoment(at [7]byte) (m Moment, ok bool) {
	n, ok := bcd.Number(at[:4])
	if ok = ok && ledger.Day(n).Valid(); !ok {
		return 0, false
	}
	m = StartOf(ledger.Day(n))
	if clock, ok := bcd.Number(at[4:]); ok {
		m += Moment(clock)
	}
	return m, true
}

// ParseMoment reads a day or a time of day, as a document has it.
func ParseMoment(text string) (Moment, error) {
	if day, err := ledger.ParseDay(text); err == nil {
		return StartOf(day), nil
	}
	for _, layout := range []string{minuteLayout, secondLayout} {
		// What is read is written again, since a fraction of a second would be taken too.
		if t, err := time.Parse(layout, text); err == nil && t.Format(layout) == text && ledger.DayOf(t).Valid() {
			return MomentOf(t), nil
		}
	}
	return 0, fmt.Errorf("%q, %s", text, wantedMoment)
}

// ParsePacked reads the 14 digits of a table.
func ParsePacked(text string) (Moment, error) {
	t, err := time.Parse(packedLayout, text)
	if err != nil || len(text) != len(packedLayout) {
		return 0, fmt.Errorf("%q, want a time YYYYMMDDhhmmss", text)
	}
	return MomentOf(t), nil
}

// Packed is the moment in 14 digits, as a table has it.
func (m Moment) Packed() string { return fmt.Sprintf("%014d", int64(m)) }

// Day is the day of the moment.
func (m Moment) Day() ledger.Day { return ledger.Day(m / secondsOfADay) }

// IsStart reports whether the moment is the first second of its day.
func (m Moment) IsStart() bool { return m == StartOf(m.Day()) }

// Add is the moment some seconds later, or earlier where they are negative. A zone's summer time
// does not count: a city's clocks show every such moment.
func (m Moment) Add(seconds int) Moment {
	t := m.Day().Time(time.UTC)
	clock := int(m % secondsOfADay)
	return MomentOf(t.Add(time.Duration(clock/10000)*time.Hour + time.Duration(clock/100%100)*time.Minute + time.Duration(clock%100+seconds)*time.Second))
}

// String is the moment as documents write it: a day that begins, or a time of day, with seconds
// where it has any.
func (m Moment) String() string {
	t := fmt.Sprintf("%014d", int64(m))
	text := t[:4] + "-" + t[4:6] + "-" + t[6:8] + "T" + t[8:10] + ":" + t[10:12]
	switch {
	case m.IsStart():
		return t[:8]
	case m%100 == 0:
		return text
	}
	return text + ":" + t[12:]
}
