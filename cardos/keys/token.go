package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// CardTokens turns cards into keyed tokens, which stand for a card
// wherever its number must not appear. It is made for many: it keeps its buffers
// and is not safe for concurrent use.
type CardTokens struct {
	mac   hash.Hash
	input []byte // the label, then the card
	sum   [sha256.Size]byte
}

const cardTokenLabel = "citycard card token 1\x00"

// CardTokens makes a maker of tokens: HMAC-SHA256 under the key of person
// tokens, over a label of its own and what the card's keys are derived from, the left
// 16 bytes: a number whose other digits were altered has the card's own token.
func (s *Store) CardTokens() *CardTokens {
	k := s.current.masters[RolePersonToken]
	return &CardTokens{mac: hmac.New(sha256.New, k[:]), input: append([]byte(cardTokenLabel), make([]byte, len(CardID{}.Derived()))...)}
}

// Token is the token of one card.
func (c *CardTokens) Token(id CardID) [16]byte {
	c.mac.Reset()
	derived := id.Derived()
	copy(c.input[len(cardTokenLabel):], derived[:])
	c.mac.Write(c.input)
	return [16]byte(c.mac.Sum(c.sum[:0])[:16])
}
