package keys

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Key is a double-length 3DES key. It never reveals itself when printed,
// logged or marshalled; [Store.Save] alone writes keys, encrypted.
type Key [16]byte

const redacted = "[key]"

// String hides the key.
func (Key) String() string { return redacted }

// Format hides the key from every fmt verb. fmt does not call it on a key inside an
// unexported field, so types that hold keys there have a Format of their own.
func (Key) Format(f fmt.State, _ rune) { hide(f, redacted) }

func hide(f fmt.State, what string) { _, _ = io.WriteString(f, what) }

// LogValue hides the key from log/slog.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText hides the key from encoders.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Equal compares in constant time.
func (k Key) Equal(other Key) bool { return subtle.ConstantTimeCompare(k[:], other[:]) == 1 }

// IsZero reports a key that was never set.
func (k Key) IsZero() bool { return k.Equal(Key{}) }

// block returns the 3DES cipher of the key, with the left half used again as
// the third key.
func (k Key) block() cipher.Block {
	var full [24]byte
	copy(full[:16], k[:])
	copy(full[16:], k[:8])
	b, _ := des.NewTripleDESCipher(full[:]) // fails on the length alone
	return b
}

// Encrypt enciphers whole blocks of eight bytes with 3DES-ECB; a last part of
// fewer bytes is left out.
func (k Key) Encrypt(data []byte) []byte { return ecb(k.block().Encrypt, data) }

// Decrypt is the inverse of Encrypt.
func (k Key) Decrypt(data []byte) []byte { return ecb(k.block().Decrypt, data) }

func ecb(step func(dst, src []byte), data []byte) []byte {
	out := make([]byte, len(data)/8*8)
	for i := 0; i < len(out); i += 8 {
		step(out[i:i+8], data[i:i+8])
	}
	return out
}

// Factor is what one level of diversification is made from.
type Factor [8]byte

// Diversify derives a card's key from a master, one level per factor, the
// issuer's first.
func Diversify(master Key, factors ...Factor) Key {
	k := master
	for _, f := range factors {
		k = diversify(k.block(), f)
	}
	return k
}

func diversify(b cipher.Block, f Factor) Key {
	var k Key
	copy(k[:8], f[:])
	for i, v := range f {
		k[8+i] = ^v
	}
	b.Encrypt(k[:8], k[:8])
	b.Encrypt(k[8:], k[8:])
	return k
}

// CardID is what a purse card's keys are derived from: the issuer id (file
// 0015 offset 0) and the application serial number (file 0015 offset 10, ten
// bytes BCD).
type CardID struct {
	Issuer [8]byte
	ASN    [10]byte
}

// Digits are the last sixteen digits of a serial number, BCD: the only part of the number that
// enters a card's keys. No signature covers the four digits before them.
type Digits [8]byte

// Digits are those of the card's serial number.
func (id CardID) Digits() Digits { return Digits(id.ASN[2:]) }

// Derived is what a card's keys are derived from and nothing else: institution and city of the
// issuer, then [Digits]. Two numbers with the same derived bytes are one card, whatever their other
// digits: no signature could tell them apart.
func (id CardID) Derived() (b [12]byte) {
	copy(b[:4], id.Issuer[:4])
	copy(b[4:], id.ASN[2:])
	return b
}

// Factors are the two levels of a T-Union card: the issuer's institution and
// city filled up with FF, then the right-most eight bytes of the serial number.
func (id CardID) Factors() [2]Factor {
	return [2]Factor{id.issuerFactor(), Factor(id.Digits())}
}

func (id CardID) issuerFactor() Factor {
	return Factor{id.Issuer[0], id.Issuer[1], id.Issuer[2], id.Issuer[3], 0xFF, 0xFF, 0xFF, 0xFF}
}
