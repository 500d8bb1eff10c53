package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
)

// CardTokens turns cards into keyed tokens, which are used where the card's number must not appear.
// It is meant for many cards: it reuses its buffers and is not safe for concurrent use.
type CardTokens struct {
	mac   hash.Hash
	input []byte // the label, then the card
	sum   [sha256.Size]byte
}

const cardTokenLabel = "citycard card token 1\x00"

// CardTokens makes a maker of tokens: HMAC-SHA256 under the key of person tokens, over its own
// label and the data from which the card's keys are derived, the left 16 bytes. A number whose
// other digits were altered has the same token.
func (h *Held) CardTokens() *CardTokens {
	k := h.token
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
