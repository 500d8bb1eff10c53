package load

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// A channel authenticates by a token, sent as "Authorization: Bearer TOKEN". A token
// is 32 random bytes, so its plain SHA-256 is all that has to be kept of it.

// NewToken makes a channel's token.
func NewToken() string {
	var secret [32]byte
	// crypto/rand's Read never returns an error; it ends the program instead.
	_, _ = rand.Read(secret[:])
	return base64.RawURLEncoding.EncodeToString(secret[:])
}

// TokenHash is what is kept of a token.
type TokenHash [sha256.Size]byte

// HashToken hashes a token.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// String is the hash in hexadecimal digits.
func (h TokenHash) String() string { return hex.EncodeToString(h[:]) }

// ParseTokenHash reads what String writes; space around it does not count.
func ParseTokenHash(text string) (h TokenHash, err error) {
	data, err := hex.DecodeString(strings.TrimSpace(text))
	if err != nil || len(data) != len(h) {
		return h, fmt.Errorf("hash of a token: want %d hexadecimal digits", 2*len(h))
	}
	return TokenHash(data), nil
}

// Tokens are the hashes of the channels' tokens.
type Tokens map[string]TokenHash

// allows reports whether a request may speak for a channel. A channel without a token
// is allowed nothing.
func (t Tokens) allows(r *http.Request, channel string) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	want, known := t[channel]
	got := HashToken(token)
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1 && known && bearer
}
