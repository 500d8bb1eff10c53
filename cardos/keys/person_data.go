package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
)

// ErrSealed says that sealed data cannot be opened: it was altered, belongs elsewhere, or was
// sealed under a key that is not held.
var ErrSealed = errors.New("sealed data does not open")

// PersonData seals persons' names and numbers for storage: AES-128-GCM with a random nonce, under
// the newest key, whose version is the first byte. It opens what any key of the store sealed. It is
// safe for concurrent use.
type PersonData struct {
	version byte
	ciphers map[byte]cipher.AEAD // by version
}

// PersonData returns the cipher of persons' data.
func (h *Held) PersonData() (*PersonData, error) {
	d := &PersonData{version: h.Version(), ciphers: map[byte]cipher.AEAD{}}
	for _, g := range h.generations {
		block, err := aes.NewCipher(g.PersonData[:])
		if err != nil {
			return nil, fmt.Errorf("key of persons' data: %w", err)
		}
		if d.ciphers[g.Version], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, fmt.Errorf("key of persons' data: %w", err)
		}
	}
	return d, nil
}

// Format hides the keys from every fmt verb.
func (*PersonData) Format(f fmt.State, _ rune) { hide(f, "[persons' data key]") }

// Seal encrypts a text. It opens only together with the same place, such as the token of the person
// whose text it is: so two rows cannot be exchanged.
func (d *PersonData) Seal(text, place []byte) []byte {
	aead := d.ciphers[d.version]
	sealed := make([]byte, 1, 1+len(text)+aead.Overhead())
	sealed[0] = d.version
	return aead.Seal(sealed, nil, text, place)
}

// Open decrypts what Seal made. The error is ErrSealed.
func (d *PersonData) Open(sealed, place []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrSealed)
	}
	aead := d.ciphers[sealed[0]]
	if aead == nil {
		return nil, fmt.Errorf("%w: the key store has no version %d", ErrSealed, sealed[0])
	}
	text, err := aead.Open(nil, nil, sealed[1:], place)
	if err != nil {
		return nil, fmt.Errorf("%w: altered, or of another place or key store", ErrSealed)
	}
	return text, nil
}
