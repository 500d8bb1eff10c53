package chain

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
)

// SealKeyPinned is what the audit keeps when two people say which key seals days from then on.
type SealKeyPinned struct {
	Key    string `json:"key"`              // the public key, in hex
	Before string `json:"before,omitempty"` // the one that it replaces; empty: it is the first
}

// SealKeyPinned reads the keys out of an entry whose act is ActPinSealKey. before is nil for the
// first key.
func (e *AuditEntry) SealKeyPinned() (key, before ed25519.PublicKey, err error) {
	pinned, err := readWhat[SealKeyPinned](e, ActPinSealKey)
	if err != nil {
		return nil, nil, err
	}
	if key, err = publicKey(pinned.Key); err == nil && pinned.Before != "" {
		before, err = publicKey(pinned.Before)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("audit entry %d, %s: %w", e.Number, e.Act, err)
	}
	return key, before, nil
}

func publicKey(text string) (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(text)
	if err == nil && len(key) != ed25519.PublicKeySize {
		err = fmt.Errorf("a public key of %d bytes, expected %d", len(key), ed25519.PublicKeySize)
	}
	return key, err
}
