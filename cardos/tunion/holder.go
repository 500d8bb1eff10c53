package tunion

import (
	"bytes"
	"fmt"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Holder is file 0016 (55 bytes): type1 staff1 name20 identity number32
// identity type1. Names are GBK; unused places are spaces, 00 or FF.
type Holder struct {
	Type   byte
	Staff  byte
	Name   [20]byte
	ID     [32]byte
	IDType byte
}

// ParseHolder reads file 0016.
func ParseHolder(b []byte) (Holder, error) {
	if len(b) != HolderSize {
		return Holder{}, fmt.Errorf("file 0016: %d bytes, want %d: %w", len(b), HolderSize, ErrLayout)
	}
	return Holder{
		Type: b[0], Staff: b[1], Name: [20]byte(b[2:]), ID: [32]byte(b[22:]), IDType: b[54],
	}, nil
}

// Encode is the inverse of ParseHolder.
func (h Holder) Encode() [HolderSize]byte {
	var b [HolderSize]byte
	b[0], b[1] = h.Type, h.Staff
	copy(b[2:], h.Name[:])
	copy(b[22:], h.ID[:])
	b[54] = h.IDType
	return b
}

// NewHolder makes the file of a named card. A name of more than 20 bytes GBK
// or a number of more than 32 characters is an error; both may be empty.
func NewHolder(name, id string, idType byte) (Holder, error) {
	h := Holder{IDType: idType}
	gbk, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(name))
	if err != nil || len(gbk) > len(h.Name) {
		return Holder{}, fmt.Errorf("holder's name does not fit %d bytes GBK: %w", len(h.Name), ErrLayout)
	}
	if len(id) > len(h.ID) {
		return Holder{}, fmt.Errorf("identity number of %d characters, at most %d: %w", len(id), len(h.ID), ErrLayout)
	}
	copy(h.Name[:], bytes.Repeat([]byte{' '}, len(h.Name)))
	copy(h.ID[:], bytes.Repeat([]byte{' '}, len(h.ID)))
	copy(h.Name[:], gbk)
	copy(h.ID[:], id)
	return h, nil
}

// Text returns name and identity number without filling; bytes that are not
// GBK are an error.
func (h Holder) Text() (name, id string, err error) {
	utf, err := simplifiedchinese.GBK.NewDecoder().Bytes(trimFilling(h.Name[:]))
	if err != nil {
		return "", "", fmt.Errorf("holder's name: %w", err)
	}
	return string(utf), string(trimFilling(h.ID[:])), nil
}

// trimFilling cuts spaces, 00 and FF at the end: it cuts bytes, not characters; none of these bytes
// ends a GBK character.
func trimFilling(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == 0 || b[len(b)-1] == 0xFF) {
		b = b[:len(b)-1]
	}
	return b
}
