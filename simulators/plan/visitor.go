package plan

import (
	"fmt"

	"citycard/cardos/bcd"
	"citycard/cardos/keys"
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

// Visitor is the i-th card of other cities.
func (t *Town) Visitor(i int) (Card, error) {
	asn, err := bcd.Append(make([]byte, 0, 10), fmt.Sprintf("%s%011d", visitorPrefix, i))
	if err != nil || len(asn) != 10 {
		return Card{}, fmt.Errorf("visitor %d: no card number", i)
	}
	return Card{ASN: [10]byte(asn), Type: byte(t.VisitorCardType)}, nil
}

// VisitorOf is the issuer of that card. For every eighth card it is an issuer that is no longer
// accepted.
func VisitorOf(i int) [8]byte {
	if i%8 == 3 {
		return FormerIssuer()
	}
	return VisitorIssuer()
}

// VisitorKeys are the other cities' keys, which this city does not have.
func (c *City) VisitorKeys() *keys.Store { return keys.GenerateTest(c.Seed ^ 0x5649534954) }
