package sm

import (
	"crypto/cipher"
	"crypto/subtle"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/sm4"
)

// BlockSize is the block length of SM4 in bytes.
const BlockSize = sm4.BlockSize

// Key is an SM4 key. It never reveals itself when printed.
type Key [16]byte

// Format hides the key from every fmt verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[key]") }

// MarshalText hides the key from encoders.
func (Key) MarshalText() ([]byte, error) { return []byte("[key]"), nil }

func (k Key) block() cipher.Block {
	b, _ := sm4.NewCipher(k[:]) // fails on the length alone
	return b
}

// Encrypt enciphers one block.
func (k Key) Encrypt(block [BlockSize]byte) [BlockSize]byte {
	k.block().Encrypt(block[:], block[:])
	return block
}

// Decrypt is the inverse of Encrypt.
func (k Key) Decrypt(block [BlockSize]byte) [BlockSize]byte {
	k.block().Decrypt(block[:], block[:])
	return block
}

// MAC is the CBC-MAC of GB/T 15852.1 (algorithm 1) over data that is always padded with 80 00.. to
// whole blocks; it returns the whole last block. Cards cut it, each kind to its own length.
func (k Key) MAC(data []byte) [BlockSize]byte {
	b := k.block()
	var x [BlockSize]byte
	for ; len(data) >= BlockSize; data = data[BlockSize:] {
		subtle.XORBytes(x[:], x[:], data[:BlockSize])
		b.Encrypt(x[:], x[:])
	}
	subtle.XORBytes(x[:], x[:], data)
	x[len(data)] ^= 0x80
	b.Encrypt(x[:], x[:])
	return x
}

// Digest is SM3.
func Digest(data []byte) [sm3.Size]byte { return sm3.Sum(data) }
