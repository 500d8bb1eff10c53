package keys

import (
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
)

// TACKey is a card's TAC key ready for use: left half XOR right half.
type TACKey struct{ block cipher.Block }

// TACKey prepares a card's (not a master's) TAC key.
func (k Key) TACKey() TACKey {
	var x [8]byte
	for i := range x {
		x[i] = k[i] ^ k[8+i]
	}
	return TACKey{single(x)}
}

// Purchase is what the TAC of a purchase or composite purchase covers.
type Purchase struct {
	Amount           uint32
	Type             byte
	Terminal         [6]byte
	TerminalSequence uint32
	Time             [7]byte
}

func (p Purchase) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, p.Amount)
	b = append(b, p.Type)
	b = append(b, p.Terminal[:]...)
	b = binary.BigEndian.AppendUint32(b, p.TerminalSequence)
	return append(b, p.Time[:]...)
}

// Purchase computes the TAC of a purchase.
func (k TACKey) Purchase(in Purchase) MAC {
	return cbcMAC(k.block, in.append(make([]byte, 0, 24)))
}

// Load is what the TAC of a load covers. OnlineSequence is the counter before
// the load.
type Load struct {
	NewBalance     uint32
	OnlineSequence uint16
	Amount         uint32
	Type           byte
	Terminal       [6]byte
	Time           [7]byte
}

func (l Load) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, l.NewBalance)
	b = binary.BigEndian.AppendUint16(b, l.OnlineSequence)
	return Movement{l.Amount, l.Type, l.Terminal, l.Time}.append(b)
}

// Load computes the TAC of a load.
func (k TACKey) Load(in Load) MAC { return cbcMAC(k.block, in.append(make([]byte, 0, 24))) }

// Overdraft is what the TAC of an overdraft update covers.
type Overdraft struct {
	Balance        uint32
	OnlineSequence uint16
	OverdraftEnd
}

// Overdraft computes the TAC of an overdraft update.
func (k TACKey) Overdraft(in Overdraft) MAC {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 32), in.Balance)
	b = binary.BigEndian.AppendUint16(b, in.OnlineSequence)
	return cbcMAC(k.block, in.OverdraftEnd.append(b))
}

// Chain is the CBC-MAC over whole blocks that the caller padded, from an IV of its
// own, as a module's CIPHER command computes it; a part of a block at the end is
// left out.
func (k TACKey) Chain(iv [8]byte, padded []byte) MAC {
	for ; len(padded) >= 8; padded = padded[8:] {
		subtle.XORBytes(iv[:], iv[:], padded[:8])
		k.block.Encrypt(iv[:], iv[:])
	}
	return MAC(iv[:4])
}

// LoadTAC computes the TAC of a load with a card's TAC key.
func LoadTAC(k Key, in Load) MAC { return k.TACKey().Load(in) }

// PurchaseTAC computes the TAC of a purchase with a card's TAC key.
func PurchaseTAC(k Key, in Purchase) MAC { return k.TACKey().Purchase(in) }
