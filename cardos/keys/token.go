package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// CardTokens turns card numbers into keyed tokens, which stand for a card
// wherever its number must not appear. It is made for many: it keeps its buffers
// and is not safe for concurrent use.
type CardTokens struct {
	mac   hash.Hash
	input []byte // the label, then the card
	sum   [sha256.Size]byte
}

const cardTokenLabel = "citycard card token 1\x00"

// CardTokens makes a maker of tokens: HMAC-SHA256 under the key of person
// tokens, over a label of its own and the application serial number, the left 16
// bytes.
func (s *Store) CardTokens() *CardTokens {
	k := s.current.masters[RolePersonToken]
	return &CardTokens{mac: hmac.New(sha256.New, k[:]), input: []byte(cardTokenLabel + "0123456789")}
}

// Token is the token of one card.
func (c *CardTokens) Token(asn [10]byte) [16]byte {
	c.mac.Reset()
	copy(c.input[len(cardTokenLabel):], asn[:])
	c.mac.Write(c.input)
	return [16]byte(c.mac.Sum(c.sum[:0])[:16])
}
