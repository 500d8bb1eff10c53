package message

import (
	"fmt"
	"time"

	"citycard/cardos/bcd"
)

// TimeLen is the length of a card time: YYYYMMDDhhmmss in BCD.
const TimeLen = 7

// AppendTime appends t, in its own location, as 7 BCD bytes.
func AppendTime(dst []byte, t time.Time) []byte {
	at := bcd.Time(t)
	return append(dst, at[:]...)
}

// ParseTime reads 7 BCD bytes as a wall-clock time in loc. It fails on a wrong
// length, a nibble above 9 and a date that does not exist.
func ParseTime(b []byte, loc *time.Location) (time.Time, error) {
	if len(b) != TimeLen {
		return time.Time{}, fmt.Errorf("card time: %d bytes, want %d", len(b), TimeLen)
	}
	return bcd.ParseTime([TimeLen]byte(b), loc)
}
