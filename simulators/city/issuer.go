package city

import (
	"fmt"

	"citycard/cardos/bcd"
)

// Issuer is the issuer id of the city's cards: city 4910 is Zhengzhou's, the
// institution 9999 is invented, since Zhengzhou's own was not found.
func Issuer() [8]byte { return [8]byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF} }

// VisitorIssuer is the issuer of another city's cards that are accepted here, and
// FormerIssuer one whose cards no longer are. Both are invented.
func VisitorIssuer() [8]byte { return [8]byte{0x99, 0x99, 0x99, 0x99, 0xFF, 0xFF, 0xFF, 0xFF} }

// FormerIssuer is the issuer of another city's cards that were accepted once.
func FormerIssuer() [8]byte { return [8]byte{0x99, 0x99, 0x99, 0x98, 0xFF, 0xFF, 0xFF, 0xFF} }

// visitorPrefix is the beginning of visitors' card numbers: no city's.
const visitorPrefix = "031049999"

// VisitorNumber is the number of the i-th card of other cities.
func VisitorNumber(i int) ([10]byte, error) {
	asn, err := bcd.Append(make([]byte, 0, 10), fmt.Sprintf("%s%011d", visitorPrefix, i))
	if err != nil || len(asn) != 10 {
		return [10]byte{}, fmt.Errorf("visitor %d: no card number", i)
	}
	return [10]byte(asn), nil
}

// VisitorIssuerOf is the issuer of the i-th card of other cities: of every eighth
// it is one that is no longer accepted.
func VisitorIssuerOf(i int) (issuer [8]byte, accepted bool) {
	if i%8 == 3 {
		return FormerIssuer(), false
	}
	return VisitorIssuer(), true
}
