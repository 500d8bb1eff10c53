package keys

import (
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"
	"encoding/binary"
)

// MAC is the left four bytes of a CBC-MAC: MAC1, MAC2 or TAC.
type MAC [4]byte

// Equal compares in constant time.
func (m MAC) Equal(other MAC) bool { return subtle.ConstantTimeCompare(m[:], other[:]) == 1 }

// Session is the key of one transaction.
type Session struct{ block cipher.Block }

// Prepared is a card key with its key schedule, for many sessions.
type Prepared struct{ block cipher.Block }

// Prepare computes the key schedule once.
func (k Key) Prepare() Prepared { return Prepared{k.block()} }

// LoadSession derives the key of a load, and with the overdraft key that of an
// overdraft update.
func (p Prepared) LoadSession(random [4]byte, onlineSequence uint16) Session {
	return p.session(LoadSessionData(random, onlineSequence))
}

// LoadSessionData is what the key of a load is derived from.
func LoadSessionData(random [4]byte, onlineSequence uint16) [8]byte {
	return [8]byte{
		random[0], random[1], random[2], random[3],
		byte(onlineSequence >> 8), byte(onlineSequence), 0x80, 0,
	}
}

// PurchaseSession derives the key of a purchase or composite purchase; only the low two bytes of
// the terminal's sequence are used.
func (p Prepared) PurchaseSession(random [4]byte, offlineSequence uint16, terminalSequence uint32) Session {
	return p.session([8]byte{
		random[0], random[1], random[2], random[3],
		byte(offlineSequence >> 8), byte(offlineSequence),
		byte(terminalSequence >> 8), byte(terminalSequence),
	})
}

func (p Prepared) session(in [8]byte) Session {
	p.block.Encrypt(in[:], in[:])
	return Session{single(in)}
}

// LoadSession is [Prepared.LoadSession] for a single use of the key.
func LoadSession(k Key, random [4]byte, onlineSequence uint16) Session {
	return k.Prepare().LoadSession(random, onlineSequence)
}

// PurchaseSession is [Prepared.PurchaseSession] for a single use of the key.
func PurchaseSession(k Key, random [4]byte, offlineSequence uint16, terminalSequence uint32) Session {
	return k.Prepare().PurchaseSession(random, offlineSequence, terminalSequence)
}

// single returns the single-DES cipher of eight bytes.
func single(k [8]byte) cipher.Block {
	b, _ := des.NewCipher(k[:]) // fails on the length alone
	return b
}

// MAC computes the session's MAC over data.
func (s Session) MAC(data []byte) MAC { return cbcMAC(s.block, data) }

// cbcMAC is the CBC-MAC with IV 0, cut to four bytes. The padding 80 00.. is always added.
func cbcMAC(b cipher.Block, data []byte) MAC {
	var x [8]byte
	for len(data) >= 8 {
		subtle.XORBytes(x[:], x[:], data[:8])
		b.Encrypt(x[:], x[:])
		data = data[8:]
	}
	for i, v := range data {
		x[i] ^= v
	}
	x[len(data)] ^= 0x80
	b.Encrypt(x[:], x[:])
	return MAC(x[:4])
}

// LoadStart is what MAC1 of a load covers: card to host.
type LoadStart struct {
	OldBalance uint32
	Amount     uint32
	Type       byte
	Terminal   [6]byte
}

// Covered are the bytes that MAC1 is computed over.
func (l LoadStart) Covered() []byte {
	b := make([]byte, 0, 16)
	b = binary.BigEndian.AppendUint32(b, l.OldBalance)
	b = binary.BigEndian.AppendUint32(b, l.Amount)
	b = append(b, l.Type)
	return append(b, l.Terminal[:]...)
}

// LoadMAC1 proves to the host that the card is genuine.
func (s Session) LoadMAC1(in LoadStart) MAC { return s.MAC(in.Covered()) }

// Movement is what a purchase's MAC1 and a load's MAC2 cover.
type Movement struct {
	Amount   uint32
	Type     byte
	Terminal [6]byte
	Time     [7]byte // YYYYMMDDhhmmss, BCD
}

func (m Movement) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, m.Amount)
	b = append(b, m.Type)
	b = append(b, m.Terminal[:]...)
	return append(b, m.Time[:]...)
}

// Covered are the bytes that a purchase's MAC1 and a load's MAC2 are computed over.
func (m Movement) Covered() []byte { return m.append(make([]byte, 0, 24)) }

// LoadMAC2 allows the card to take the money: host to card.
func (s Session) LoadMAC2(in Movement) MAC { return s.MAC(in.Covered()) }

// PurchaseMAC1 allows the card to give the money: SAM to card.
func (s Session) PurchaseMAC1(in Movement) MAC { return s.MAC(in.Covered()) }

// PurchaseMAC2 proves to the SAM that the card gave the money.
func (s Session) PurchaseMAC2(amount uint32) MAC {
	return s.MAC(binary.BigEndian.AppendUint32(make([]byte, 0, 8), amount))
}

// OverdraftStart is what MAC1 of an overdraft update covers. Limits are three
// bytes on the wire.
type OverdraftStart struct {
	OldBalance uint32
	OldLimit   uint32
	Terminal   [6]byte
}

// TypeOverdraft is the transaction type that the MACs of an overdraft update
// cover.
const TypeOverdraft byte = 0x07

// OverdraftMAC1 proves to the host that the card is genuine.
func (s Session) OverdraftMAC1(in OverdraftStart) MAC {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 16), in.OldBalance)
	b = append(appendLimit(b, in.OldLimit), TypeOverdraft)
	return s.MAC(append(b, in.Terminal[:]...))
}

// OverdraftEnd is what MAC2 of an overdraft update covers.
type OverdraftEnd struct {
	NewLimit uint32
	Terminal [6]byte
	Time     [7]byte
}

func (o OverdraftEnd) append(b []byte) []byte {
	b = append(appendLimit(b, o.NewLimit), TypeOverdraft)
	b = append(b, o.Terminal[:]...)
	return append(b, o.Time[:]...)
}

// OverdraftMAC2 allows the card to take the new limit.
func (s Session) OverdraftMAC2(in OverdraftEnd) MAC { return s.MAC(in.append(make([]byte, 0, 24))) }

func appendLimit(b []byte, limit uint32) []byte {
	return append(b, byte(limit>>16), byte(limit>>8), byte(limit))
}
