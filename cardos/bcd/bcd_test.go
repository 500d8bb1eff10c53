package bcd

import (
	"errors"
	"testing"
	"time"
)

func TestDigits(t *testing.T) {
	b, err := Append(nil, "03105070")
	if err != nil || string(b) != "\x03\x10\x50\x70" {
		t.Fatalf("packed %x, %v", b, err)
	}
	if s, err := Digits(b); err != nil || s != "03105070" {
		t.Fatalf("unpacked %q, %v", s, err)
	}
	if n, ok := Number(b); !ok || n != 3_105_070 {
		t.Fatalf("the number is %d, %v", n, ok)
	}
	for _, bad := range []string{"1", "1a", "a1", "１２"} {
		if _, err := Append(nil, bad); !errors.Is(err, errDigit) {
			t.Errorf("%q: %v, want errDigit", bad, err)
		}
	}
	for _, bad := range []string{"\x1A", "\xA1", "\xFF"} {
		if n, ok := Number([]byte(bad)); ok {
			t.Errorf("%x: is the number %d", bad, n)
		}
		if _, err := Digits([]byte(bad)); !errors.Is(err, errDigit) || Valid([]byte(bad)) {
			t.Errorf("%x: %v, want errDigit", bad, err)
		}
	}
}

func TestTime(t *testing.T) {
	zone := time.FixedZone("CST", 8*3600)
	when := time.Date(2024, 12, 29, 14, 17, 40, 0, zone)
	b := Time(when)
	if b != [7]byte{0x20, 0x24, 0x12, 0x29, 0x14, 0x17, 0x40} {
		t.Fatalf("packed %x", b)
	}
	back, err := ParseTime(b, zone)
	if err != nil || !back.Equal(when) {
		t.Fatalf("unpacked %v, %v", back, err)
	}
	if d := Date(when); d != [4]byte{0x20, 0x24, 0x12, 0x29} {
		t.Fatalf("date packed %x", d)
	}
	for _, bad := range [][7]byte{
		{},
		{0x20, 0x24, 0x13, 0x01},
		{0x20, 0x23, 0x02, 0x29},
		{0x20, 0x24, 0x1A, 0x01},
		{0x20, 0x24, 0x12, 0x29, 0x24},
		{0x20, 0x24, 0x12, 0x29, 0x23, 0x60},
		{0x20, 0x24, 0x12, 0x29, 0x23, 0x59, 0x60},
		{0x20, 0x24, 0x12, 0x29, 0x23, 0x59, 0x5A},
	} {
		if got, err := ParseTime(bad, zone); err == nil {
			t.Errorf("%x is no time, but became %v", bad, got)
		}
	}
}
