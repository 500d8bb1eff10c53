package message

import (
	"fmt"
	"slices"
	"time"
)

// CalendarKey is the Kafka key of the calendar in topic fares.
const CalendarKey = "calendar"

// Calendar says what kinds days are; nil knows none. It does not change.
type Calendar struct {
	message *DayKinds
	first   int // days since 1970
	kinds   []byte
}

// NewCalendar checks a published calendar; nil has no day. The message must not be changed
// afterwards.
func NewCalendar(m *DayKinds) (*Calendar, error) {
	if m == nil {
		return &Calendar{}, nil
	}
	const day = "20060102"
	first, err := time.Parse(day, m.GetFirst())
	if err != nil {
		return nil, fmt.Errorf("the calendar begins at %q, want YYYYMMDD", m.GetFirst())
	}
	if len(m.GetKinds()) == 0 {
		return nil, fmt.Errorf("the calendar has no day")
	}
	for i, kind := range m.GetKinds() {
		if DayKind(kind) < DayKind_DAY_KIND_WORKDAY || DayKind(kind) > DayKind_DAY_KIND_HOLIDAY {
			return nil, fmt.Errorf("the calendar has kind %d of day %s, want 1 to 3", kind, first.AddDate(0, 0, i).Format(day))
		}
	}
	return &Calendar{m, since1970(first), m.GetKinds()}, nil
}

// Message is the calendar as it was published; nil for none. It must not be changed.
func (c *Calendar) Message() *DayKinds {
	if c == nil {
		return nil
	}
	return c.message
}

func since1970(t time.Time) int { return int(t.Unix() / (24 * 60 * 60)) }

// Kind is what the day of a card time is, unspecified where the calendar lacks it.
func (c *Calendar) Kind(at [TimeLen]byte) DayKind {
	if c == nil {
		return DayKind_DAY_KIND_UNSPECIFIED
	}
	day := since1970(time.Date(unpack(at[0])*100+unpack(at[1]), time.Month(unpack(at[2])), unpack(at[3]), 0, 0, 0, 0, time.UTC))
	if i := day - c.first; i >= 0 && i < len(c.kinds) {
		return DayKind(c.kinds[i])
	}
	return DayKind_DAY_KIND_UNSPECIFIED
}

func unpack(b byte) int { return int(b>>4)*10 + int(b&0xF) }

const (
	minutesOfADay = 24 * 60 // bound a band
	maxBands      = 100     // of a table: each has prices of its own
)

// BandAt is the number of the table's band in which a card time lies, from 1 on; 0 for none. A day
// that the calendar lacks is in no band that is for days of some kinds.
func (x *FareTable) BandAt(at [TimeLen]byte, days *Calendar) int {
	if len(x.GetBands()) == 0 {
		return 0
	}
	kind, minute := days.Kind(at), uint32(unpack(at[4])*60+unpack(at[5]))
	for i, b := range x.Bands {
		if b.FromMinute <= minute && minute < b.ToMinute && (len(b.Days) == 0 || slices.Contains(b.Days, kind)) {
			return i + 1
		}
	}
	return 0
}

// CheckBands finds what is wrong with the bands of a table.
func (x *FareTable) CheckBands() error {
	if n := len(x.GetBands()); n > maxBands {
		return fmt.Errorf("%d bands, want at most %d", n, maxBands)
	}
	for i, b := range x.GetBands() {
		if b.GetName() == "" || b.GetFromMinute() >= b.GetToMinute() || b.GetToMinute() > minutesOfADay {
			return fmt.Errorf("band %q is from minute %d to %d, want a name and minutes in order, to at most %d", b.GetName(), b.GetFromMinute(), b.GetToMinute(), minutesOfADay)
		}
		for n, kind := range b.GetDays() {
			if slices.Contains(b.Days[:n], kind) {
				return fmt.Errorf("band %q is on days of kind %d twice", b.GetName(), kind)
			}
			if kind < DayKind_DAY_KIND_WORKDAY || kind > DayKind_DAY_KIND_HOLIDAY {
				return fmt.Errorf("band %q is on days of kind %d, want 1 to 3", b.GetName(), kind)
			}
		}
		for _, other := range x.Bands[:i] {
			if b.GetName() == other.GetName() || b.Overlaps(other) {
				return fmt.Errorf("bands %q and %q overlap, or have one name", other.GetName(), b.GetName())
			}
		}
	}
	for _, c := range x.GetFares() {
		for _, in := range c.GetPrices() {
			if usual := c.GetPrices()[0]; !slices.EqualFunc(usual.GetBus(), in.GetBus(), func(a, b *BusFare) bool { return a.GetLine() == b.GetLine() }) {
				return fmt.Errorf("card type %d: bus lines at some times of day are others than at the rest", c.GetCardType())
			}
		}
	}
	return nil
}

// Overlaps reports whether two bands have a minute of a day in common.
func (x *Band) Overlaps(other *Band) bool {
	apart := x.GetToMinute() <= other.GetFromMinute() || other.GetToMinute() <= x.GetFromMinute()
	all := len(x.GetDays()) == 0 || len(other.GetDays()) == 0
	return !apart && (all || slices.ContainsFunc(x.GetDays(), func(k DayKind) bool { return slices.Contains(other.GetDays(), k) }))
}
