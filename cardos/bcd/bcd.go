package bcd

import (
	"errors"
	"fmt"
	"time"
)

// errDigit is wrapped by every error about something that is not a digit.
var errDigit = errors.New("not a decimal digit")

// Append packs a string of digits to b. An odd number of digits is an error: each format has its
// own padding.
func Append(b []byte, digits string) ([]byte, error) {
	if len(digits)%2 != 0 {
		return nil, fmt.Errorf("%d digits, want an even number: %w", len(digits), errDigit)
	}
	for i := 0; i < len(digits); i += 2 {
		hi, lo := digits[i]-'0', digits[i+1]-'0'
		if hi > 9 || lo > 9 {
			return nil, fmt.Errorf("at digit %d: %w", i+1, errDigit)
		}
		b = append(b, hi<<4|lo)
	}
	return b, nil
}

// Digits unpacks b. A half byte above 9 is an error.
func Digits(b []byte) (string, error) {
	s := make([]byte, 0, 2*len(b))
	for i, v := range b {
		hi, lo := v>>4, v&0xF
		if hi > 9 || lo > 9 {
			return "", fmt.Errorf("byte %d is %02X: %w", i, v, errDigit)
		}
		s = append(s, '0'+hi, '0'+lo)
	}
	return string(s), nil
}

// Valid reports whether all half bytes are digits.
func Valid(b []byte) bool {
	_, ok := Number(b)
	return ok
}

// Number reads up to eighteen digits as one number. ok is false where a half byte is above 9.
func Number(b []byte) (n int64, ok bool) {
	for _, v := range b {
		if v>>4 > 9 || v&0xF > 9 {
			return 0, false
		}
		n = n*100 + int64(unpack(v))
	}
	return n, true
}

// Time packs a time as YYYYMMDDhhmmss, in the time's own zone. Years beyond
// 9999 wrap.
func Time(t time.Time) [7]byte {
	d := Date(t)
	return [7]byte{d[0], d[1], d[2], d[3], pack(t.Hour()), pack(t.Minute()), pack(t.Second())}
}

// Date packs a date as YYYYMMDD.
func Date(t time.Time) [4]byte {
	return [4]byte{pack(t.Year() / 100 % 100), pack(t.Year() % 100), pack(int(t.Month())), pack(t.Day())}
}

// ParseTime unpacks YYYYMMDDhhmmss into a time of zone loc. Digits that are no
// time of the calendar are an error.
func ParseTime(b [7]byte, loc *time.Location) (time.Time, error) {
	if !Valid(b[:]) {
		return time.Time{}, fmt.Errorf("time %X: %w", b, errDigit)
	}
	hour, minute, second := unpack(b[4]), unpack(b[5]), unpack(b[6])
	t := time.Date(unpack(b[0])*100+unpack(b[1]), time.Month(unpack(b[2])), unpack(b[3]), hour, minute, second, 0, loc)
	if Date(t) != [4]byte(b[:4]) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, fmt.Errorf("time %X is not in the calendar", b)
	}
	return t, nil
}

func unpack(b byte) int { return int(b>>4)*10 + int(b&0xF) }

func pack(v int) byte { return byte(v/10<<4 | v%10) }
