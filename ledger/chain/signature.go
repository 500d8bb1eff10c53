package chain

import (
	"encoding/json"
	"fmt"
)

// Signature is a person's signature of an act.
type Signature struct {
	Key       string `json:"key"`       // fingerprint of the public key: SHA256:…
	Statement string `json:"statement"` // the text that was signed, to the byte
	Signature string `json:"signature"` // an SSHSIG, its bytes in base64
}

// SignaturesText writes signatures as the database has them: a JSON array, or nothing where there
// are none.
func SignaturesText(list []Signature) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	text, err := json.Marshal(list)
	return string(text), err
}

// ParseSignatures reads what SignaturesText writes, and nothing else: no other text has these
// signatures.
func ParseSignatures(text string) ([]Signature, error) {
	if text == "" {
		return nil, nil
	}
	var list []Signature
	err := json.Unmarshal([]byte(text), &list)
	if err != nil {
		return nil, fmt.Errorf("signatures: %w", err)
	}
	if again, err := SignaturesText(list); err != nil || again != text {
		return nil, fmt.Errorf("signatures: %.100q is not how they are written", text)
	}
	return list, nil
}

// StoredSignatures is ParseSignatures for those who check hashes: a text that has none becomes a
// signature that no entry has, so that the check fails where it stands.
func StoredSignatures(text string) []Signature {
	list, err := ParseSignatures(text)
	if err != nil {
		return []Signature{{Statement: text}}
	}
	return list
}
