package index

import (
	"encoding/hex"
	"fmt"
	"time"

	"citycard/ledger"
)

// Moment is a second of the local calendar as cards sign it, from 1990 to 2121. A
// later one is a larger number.
type Moment uint32

// The years of moments, and the end of what has none.
const (
	FirstYear = 1990
	LastYear  = 2121
	Open      = Moment(1<<32 - 1)
)

// momentOf reads a card time, 7 bytes BCD. Its date is one of the calendar; an invalid time of day
// counts as the day's last second.
func momentOf(bcd [7]byte) Moment {
	digits := func(b byte) uint32 { return uint32(b>>4)*10 + uint32(b&15) }
	year := min(max(digits(bcd[0])*100+digits(bcd[1]), FirstYear), LastYear) - FirstYear
	days := (year*12+digits(bcd[2])-1)*31 + digits(bcd[3]) - 1
	hour, minute, second := digits(bcd[4]), digits(bcd[5]), digits(bcd[6])
	for _, b := range bcd[4:] {
		if b>>4 > 9 || b&15 > 9 || hour > 23 || minute > 59 || second > 59 {
			hour, minute, second = 23, 59, 59
		}
	}
	return Moment(((days*24+hour)*60+minute)*60 + second)
}

// ParseMoment reads YYYYMMDDhhmmss.
func ParseMoment(text string) (Moment, bool) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != 7 {
		return 0, false
	}
	if _, err := ledger.ParseDay(text[:8]); err != nil {
		return 0, false
	}
	m := momentOf([7]byte(b))
	return m, m.String() == text
}

// MomentAt is the second of a time as clocks in its location show it.
func MomentAt(t time.Time) Moment {
	m, _ := ParseMoment(t.Format("20060102150405"))
	return m
}

// Number is the moment as YYYYMMDDhhmmss.
func (m Moment) Number() int64 {
	n := int64(m)
	second, minute, hour := n%60, n/60%60, n/3600%24
	days := n / 86400
	day, month, year := days%31+1, days/31%12+1, days/31/12+FirstYear
	return (((((year*100+month)*100+day)*100+hour)*100+minute)*100 + second)
}

// Day is the moment's day.
func (m Moment) Day() ledger.Day { return ledger.Day(m.Number() / 1_000_000) }

// String is the moment as YYYYMMDDhhmmss.
func (m Moment) String() string { return fmt.Sprintf("%014d", m.Number()) }

// End is the moment as the end of a row: empty where it is open.
func (m Moment) End() string {
	if m == Open {
		return ""
	}
	return m.String()
}
