package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// Held are the keys that a clearing process holds itself, because it uses them for each record:
// the TAC masters of all generations, the key of tokens and the keys of persons' data. No load,
// purchase or other key of a card can be derived from them. It never changes, and is safe for
// concurrent use.
type Held struct {
	test        bool
	token       Key
	generations []HeldGeneration // newest first, at least one
}

// HeldGeneration is one generation of the keys that clearing holds.
type HeldGeneration struct {
	Version    byte
	TAC        Key // the master
	PersonData Key
}

// NewHeld puts the keys together, the newest generation first; token is the key of tokens.
func NewHeld(test bool, token Key, generations []HeldGeneration) (*Held, error) {
	if n := len(generations); n < 1 || n > maxOlder+1 {
		return nil, fmt.Errorf("%w: keys of %d generations, want 1 to %d", ErrStoreFormat, n, maxOlder+1)
	}
	seen := map[byte]bool{}
	for _, g := range generations {
		if seen[g.Version] {
			return nil, fmt.Errorf("%w: version %d twice", ErrStoreFormat, g.Version)
		}
		seen[g.Version] = true
	}
	return &Held{test: test, token: token, generations: append([]HeldGeneration(nil), generations...)}, nil
}

// Held are those of the store's keys that clearing holds.
func (s *Store) Held() *Held {
	h := &Held{test: s.test, token: s.current.masters[RolePersonToken]}
	for _, g := range append([]generation{s.current}, s.older...) {
		h.generations = append(h.generations, HeldGeneration{g.version, g.masters[RoleTAC], g.masters[RolePersonData]})
	}
	return h
}

// Format hides the keys from every fmt verb.
func (*Held) Format(f fmt.State, _ rune) { hide(f, "[held keys]") }

// Test reports whether these are test keys.
func (h *Held) Test() bool { return h.test }

// Version is the newest generation's.
func (h *Held) Version() byte { return h.generations[0].Version }

// TACVerifier returns a verifier for the cards of all generations.
func (h *Held) TACVerifier() *TACVerifier {
	v := NewTACVerifier(h.generations[0].TAC)
	for _, g := range h.generations[1:] {
		v.begin[g.Version] = uint8(len(v.masters))
		v.masters = append(v.masters, g.TAC)
	}
	return v
}

// PersonToken turns an identity number into the keyed token that stands for a
// person wherever the number must not appear: HMAC-SHA256, the left 16 bytes.
func (h *Held) PersonToken(idNumber string) [16]byte {
	mac := hmac.New(sha256.New, h.token[:])
	mac.Write([]byte("citycard person token 1\x00" + idNumber))
	return [16]byte(mac.Sum(nil)[:16])
}

// includes reports whether it has all keys of another.
func (h *Held) includes(other *Held) bool {
	if h.token != other.token || h.test != other.test {
		return false
	}
	for _, g := range other.generations {
		found := false
		for _, own := range h.generations {
			found = found || own == g
		}
		if !found {
			return false
		}
	}
	return true
}

// Layout of encoded keys, ours: format1 test1 token16, then version1 tac16 person-data16 of each
// generation.
const (
	heldFormat     = 1
	heldHead       = 18
	heldGeneration = 33
)

// Encode gives the keys in clear, for the way from a key service to clearing and for no other.
func (h *Held) Encode() []byte {
	b := []byte{heldFormat, 0}
	if h.test {
		b[1] = 1
	}
	b = append(b, h.token[:]...)
	for _, g := range h.generations {
		b = append(append(append(b, g.Version), g.TAC[:]...), g.PersonData[:]...)
	}
	return b
}

// DecodeHeld reads what Encode gave. Errors never quote a key.
func DecodeHeld(b []byte) (*Held, error) {
	if len(b) < heldHead || b[0] != heldFormat || b[1] > 1 || (len(b)-heldHead)%heldGeneration != 0 {
		return nil, fmt.Errorf("%w: %d bytes that are no held keys", ErrStoreFormat, len(b))
	}
	var generations []HeldGeneration
	for rest := b[heldHead:]; len(rest) > 0; rest = rest[heldGeneration:] {
		generations = append(generations, HeldGeneration{rest[0], Key(rest[1:17]), Key(rest[17:33])})
	}
	return NewHeld(b[1] == 1, Key(b[2:heldHead]), generations)
}

// Fingerprint tells sets of keys apart without revealing them: SHA-256 of the encoded keys.
func (h *Held) Fingerprint() string {
	sum := sha256.Sum256(h.Encode())
	return hex.EncodeToString(sum[:])
}

// errFewer says that masters in use are missing in what comes after them.
var errFewer = errors.New("it lacks masters that are in use")
