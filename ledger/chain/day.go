package chain

import (
	"fmt"
	"strconv"
	"time"
)

// Day is a calendar day written YYYYMMDD, such as 20260131. The zero Day is no day.
type Day int32

// DayOf returns the calendar day of t in t's own location.
func DayOf(t time.Time) Day {
	year, month, day := t.Date()
	return Day(year*10000 + int(month)*100 + day)
}

// ParseDay reads a day written YYYYMMDD.
func ParseDay(s string) (Day, error) {
	if len(s) != 8 {
		return 0, fmt.Errorf("day %q: expected eight digits YYYYMMDD", s)
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || !Day(n).Valid() {
		return 0, fmt.Errorf("day %q: expected a calendar day YYYYMMDD", s)
	}
	return Day(n), nil
}

// Valid reports whether d is a day of the calendar between 1900 and 2999.
func (d Day) Valid() bool {
	year, month, day := int(d/10000), int(d/100%100), int(d%100)
	if year < 1900 || year > 2999 || month < 1 || month > 12 || day < 1 {
		return false
	}
	return day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// Time returns midnight at the start of the day in loc.
func (d Day) Time(loc *time.Location) time.Time {
	return time.Date(int(d/10000), time.Month(d/100%100), int(d%100), 0, 0, 0, 0, loc)
}

// Next returns the following calendar day.
func (d Day) Next() Day { return d.Add(1) }

// Add returns the calendar day n days later (earlier when n is negative).
func (d Day) Add(n int) Day { return DayOf(d.Time(time.UTC).AddDate(0, 0, n)) }

// String writes the day as YYYYMMDD.
func (d Day) String() string { return fmt.Sprintf("%08d", int32(d)) }

// DayState is where a booking day is in its life.
type DayState string

// The states of a day, in order; a closed day may be open once more, see Ledger.ReopenDay. While a
// day is closing, its input streams have moved on and only the streams that were named to stay
// (settlement) still book in it; when it is closed, none does.
const (
	DayOpen    DayState = "open"
	DayClosing DayState = "closing"
	DayClosed  DayState = "closed"
	DaySealed  DayState = "sealed"
)
