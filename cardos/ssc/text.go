package ssc

import (
	"bytes"
	"fmt"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// encodeText turns a text into size bytes GBK, filled with 00.
func encodeText(tag Tag, s string, size int) ([]byte, error) {
	b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(s))
	if err != nil || len(b) > size {
		return nil, fmt.Errorf("record %02X: text does not fit %d bytes GBK: %w", byte(tag), size, ErrLayout)
	}
	return append(b, make([]byte, size-len(b))...), nil
}

// decodeText is the inverse: GBK without the filling (00, or spaces on some
// cards).
func decodeText(tag Tag, b []byte) (string, error) {
	s, err := simplifiedchinese.GBK.NewDecoder().Bytes(bytes.TrimRight(b, "\x00 "))
	if err != nil {
		return "", fmt.Errorf("record %02X: %w", byte(tag), err)
	}
	return string(s), nil
}

// splitName parts a name in GBK between the record of 30 bytes and its extension
// of 20, never inside a character.
func splitName(name string) (first, rest string, err error) {
	const size = 30
	used := 0
	for i, r := range name {
		b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(string(r)))
		if err != nil {
			return "", "", fmt.Errorf("name has a character that GBK lacks: %w", ErrLayout)
		}
		if used += len(b); used > size {
			return name[:i], name[i:], nil
		}
	}
	return name, "", nil
}
