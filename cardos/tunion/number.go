package tunion

import (
	"fmt"

	"citycard/cardos/bcd"
)

// A card number is an application serial number in digits: 20 of them, of
// which the first is 0 and not printed on the card.
const (
	numberDigits   = 20
	serialDigits   = 11
	maxSerial      = 99_999_999_999
	zhengzhouStart = "0" + ZhengzhouPrefix
)

// Number returns the 20 digits of a serial number.
func Number(asn [10]byte) (string, error) {
	s, err := bcd.Digits(asn[:])
	if err != nil {
		return "", fmt.Errorf("serial number %s: %w", Masked(fmt.Sprintf("%X", asn)), err)
	}
	return s, nil
}

// Masked shows the last four digits of a card number, as a receipt does: logs, errors, and lists
// that may be passed on, show only these.
func Masked(number string) string { return "****" + number[max(0, len(number)-4):] }

// ParseNumber reads a card number of 20 digits, or of the 19 printed ones.
func ParseNumber(s string) ([10]byte, error) {
	if len(s) == numberDigits-1 {
		s = "0" + s
	}
	if len(s) != numberDigits {
		return [10]byte{}, fmt.Errorf("card number of %d digits, want 19 or 20: %w", len(s), ErrLayout)
	}
	b, err := bcd.Append(make([]byte, 0, 10), s)
	if err != nil {
		return [10]byte{}, fmt.Errorf("card number: %w", err)
	}
	return [10]byte(b), nil
}

// ZhengzhouNumber returns the serial number of the issuer's n-th card; n has at most 11 digits.
func ZhengzhouNumber(n uint64) ([10]byte, error) {
	if n > maxSerial {
		return [10]byte{}, fmt.Errorf("card %d, at most %d: %w", n, uint64(maxSerial), ErrLayout)
	}
	return ParseNumber(fmt.Sprintf("%s%0*d", zhengzhouStart, serialDigits, n))
}
