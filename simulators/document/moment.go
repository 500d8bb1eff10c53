package document

import (
	"encoding/json"
	"fmt"
	"time"
)

// Moment is a second of the city's local time without a zone: YYYYMMDDhhmmss as one number, as a
// card signs it.
type Moment int64

const clockDigits = 1_000_000

// MomentOf is the second of a time, in that time's own location.
func MomentOf(t time.Time) Moment {
	y, m, d := t.Date()
	h, min, s := t.Clock()
	return Moment(y*10_000+int(m)*100+d)*clockDigits + Moment(h*10_000+min*100+s)
}

// Midnight is the first second of a day, YYYYMMDD.
func Midnight(day int) Moment { return Moment(day) * clockDigits }

// Day is the moment's day, YYYYMMDD.
func (m Moment) Day() int { return int(m / clockDigits) }

// Time is the moment in a zone.
func (m Moment) Time(zone *time.Location) time.Time {
	day, clock := m.Day(), int(m%clockDigits)
	return time.Date(day/10_000, time.Month(day/100%100), day%100, clock/10_000, clock/100%100, clock%100, 0, zone)
}

// UnmarshalJSON reads a day "20270101", from its first second, or a time of day "2027-01-01T04:00".
func (m *Moment) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	for _, layout := range []string{"20060102", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			*m = MomentOf(t)
			return nil
		}
	}
	return fmt.Errorf("%q, want a day YYYYMMDD or a time of day YYYY-MM-DDThh:mm", text)
}

// LastDay is the last second of a version with an end, written as a day; endless where it is empty.
type LastDay Moment

// UnmarshalJSON reads a day, or an empty text.
func (l *LastDay) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if text == "" {
		*l = LastDay(Midnight(9999_12_31))
		return nil
	}
	t, err := time.Parse("20060102", text)
	if err != nil {
		return fmt.Errorf("%q, want a day YYYYMMDD or nothing", text)
	}
	*l = LastDay(MomentOf(t.AddDate(0, 0, 1).Add(-time.Second)))
	return nil
}
