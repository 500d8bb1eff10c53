package message

import (
	"fmt"
	"time"
)

// TimeLen is the length of a card time: YYYYMMDDhhmmss in BCD.
const TimeLen = 7

// AppendTime appends t, in its own location, as 7 BCD bytes.
func AppendTime(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	for _, v := range [TimeLen]int{year / 100, year % 100, int(month), day, hour, minute, second} {
		dst = append(dst, byte(v/10<<4|v%10))
	}
	return dst
}

// ParseTime reads 7 BCD bytes as a wall-clock time in loc. It fails on a wrong
// length, a nibble above 9 and a date that does not exist.
func ParseTime(b []byte, loc *time.Location) (time.Time, error) {
	if len(b) != TimeLen {
		return time.Time{}, fmt.Errorf("card time: %d bytes, want %d", len(b), TimeLen)
	}
	var v [TimeLen]int
	for i, c := range b {
		if c>>4 > 9 || c&15 > 9 {
			return time.Time{}, fmt.Errorf("card time %x: byte %d is not BCD", b, i)
		}
		v[i] = int(c>>4)*10 + int(c&15)
	}
	year := v[0]*100 + v[1]
	t := time.Date(year, time.Month(v[2]), v[3], v[4], v[5], v[6], 0, loc)
	if t.Year() != year || t.Month() != time.Month(v[2]) || t.Day() != v[3] || v[4] > 23 || v[5] > 59 || v[6] > 59 {
		return time.Time{}, fmt.Errorf("card time %x: no such date or time", b)
	}
	return t, nil
}
