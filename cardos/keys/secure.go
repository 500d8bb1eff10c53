package keys

import "crypto/subtle"

// Seal is the MAC of secure messaging (line protection): a retail MAC (DES-CBC
// with the left half, last block through the right half and the left again)
// over the command's header, the length byte as sent and the data, padded
// with 80 00.., with the card's challenge as IV: eight bytes, or four followed
// by zeros.
func (k Key) Seal(challenge []byte, message []byte) MAC {
	left, right := single([8]byte(k[:8])), single([8]byte(k[8:]))
	var x [8]byte
	copy(x[:], challenge)
	padded := make([]byte, 0, len(message)+8)
	padded = append(append(padded, message...), 0x80)
	for len(padded)%8 != 0 {
		padded = append(padded, 0)
	}
	for ; len(padded) > 0; padded = padded[8:] {
		subtle.XORBytes(x[:], x[:], padded[:8])
		left.Encrypt(x[:], x[:])
	}
	right.Decrypt(x[:], x[:])
	left.Encrypt(x[:], x[:])
	return MAC(x[:4])
}

// Wrap enciphers the data of a secure message: 3DES-ECB over length byte and
// data, padded with 80 00.. to whole blocks where it does not fill them. It takes at
// most 255 bytes and reports false for more.
func (k Key) Wrap(data []byte) ([]byte, bool) {
	b, ok := WrapText(data)
	return k.Encrypt(b), ok
}

// WrapText is what Wrap enciphers.
func WrapText(data []byte) ([]byte, bool) {
	if len(data) > 255 {
		return nil, false
	}
	b := append([]byte{byte(len(data))}, data...)
	if len(b)%8 != 0 {
		b = append(b, 0x80)
	}
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	return b, true
}

// Unwrap is the inverse of Wrap; it reports false for what Wrap did not make.
func (k Key) Unwrap(data []byte) ([]byte, bool) {
	if len(data) == 0 || len(data)%8 != 0 {
		return nil, false
	}
	b := k.Decrypt(data)
	n := int(b[0])
	if n+1 > len(b) || len(b)-n-1 >= 8 {
		return nil, false
	}
	for i, v := range b[n+1:] {
		if i == 0 && v != 0x80 || i > 0 && v != 0 {
			return nil, false
		}
	}
	return b[1 : n+1], true
}
