package psam

import (
	"encoding/binary"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// ErrAnswer is wrapped by every error about an answer of the wrong shape.
var ErrAnswer = errors.New("malformed SAM answer")

// Applications of a SAM, by file identifier.
const (
	ApplicationTransit uint16 = 0x1001
	ApplicationETC     uint16 = 0xDF01
)

// AIDSocialSecurity is the application of a SAM that opens social-security cards.
const AIDSocialSecurity = "\xD1\x56\x00\x00\x05\x90"

// Info is the module's public information (file 0015, 14 bytes); the issuer defines all of it
// except the key version.
type Info [14]byte

// SelectTransit selects the transit application.
func SelectTransit() apdu.Command {
	c := apdu.SelectFile(ApplicationTransit)
	c.Le = apdu.NoLe // contact modules answer 61xx or 9000
	return c
}

// ReadTerminal asks for the terminal number; the answer is for ParseTerminal.
func ReadTerminal() apdu.Command { return apdu.ReadBinary(0x16, 0, 6) }

// ParseTerminal reads the six bytes of the terminal number.
func ParseTerminal(b []byte) ([6]byte, error) {
	if len(b) != 6 {
		return [6]byte{}, fmt.Errorf("terminal number of %d bytes, want 6: %w", len(b), ErrAnswer)
	}
	return [6]byte(b), nil
}

// Purchase is the data of INITIALIZE SAM FOR PURCHASE. The first factor is the card's; those of the
// issuer's levels follow, the lowest first. A union card has two factors.
type Purchase struct {
	Random          [4]byte
	OfflineSequence uint16
	Amount          uint32
	Type            byte
	Time            [7]byte
	KeyVersion      byte
	Algorithm       byte
	Factors         []keys.Factor
}

// UnionFactors are the factors of a transit card in the order the SAM wants.
func UnionFactors(id keys.CardID) []keys.Factor {
	f := id.Factors()
	return []keys.Factor{f[1], f[0]}
}

// Initialize asks the SAM for MAC1; the answer is for ParseStart.
func Initialize(p Purchase) apdu.Command {
	data := make([]byte, 0, 20+8*len(p.Factors))
	data = append(data, p.Random[:]...)
	data = binary.BigEndian.AppendUint16(data, p.OfflineSequence)
	data = binary.BigEndian.AppendUint32(data, p.Amount)
	data = append(data, p.Type)
	data = append(data, p.Time[:]...)
	data = append(data, p.KeyVersion, p.Algorithm)
	for _, f := range p.Factors {
		data = append(data, f[:]...)
	}
	return apdu.Command{CLA: 0x80, INS: 0x70, Data: data, Le: 8}
}

// Start is the answer to Initialize.
type Start struct {
	TerminalSequence uint32
	MAC1             keys.MAC
}

// ParseStart reads the answer to Initialize.
func ParseStart(b []byte) (Start, error) {
	if len(b) != 8 {
		return Start{}, fmt.Errorf("SAM initialization of %d bytes, want 8: %w", len(b), ErrAnswer)
	}
	return Start{TerminalSequence: binary.BigEndian.Uint32(b), MAC1: keys.MAC(b[4:])}, nil
}

// Credit hands the card's MAC2 to the SAM, which answers 9302 to a wrong one.
func Credit(mac2 keys.MAC) apdu.Command {
	return apdu.Command{CLA: 0x80, INS: 0x72, Data: mac2[:], Le: apdu.NoLe}
}

// PrepareAccess derives the session key that reads a social-security card (its key 0A): the card's
// and the city's factor, and a random number of the terminal's. The module's name for the key, 47
// 0A, comes from one province's table of keys.
func PrepareAccess(card, city keys.Factor, random [8]byte) apdu.Command {
	data := append(append(append(make([]byte, 0, 24), card[:]...), city[:]...), random[:]...)
	return apdu.Command{CLA: 0xBF, INS: 0xDE, P1: 0x47, P2: 0x0A, Data: data, Le: apdu.NoLe}
}

// Prepare derives a key for Encrypt and MAC (80 1A): P1 and P2 name the key, the
// factors come in the order the module wants.
func Prepare(keyType, keyID byte, factors ...keys.Factor) apdu.Command {
	var data []byte
	for _, f := range factors {
		data = append(data, f[:]...)
	}
	return apdu.Command{CLA: 0x80, INS: 0x1A, P1: keyType, P2: keyID, Data: data, Le: apdu.NoLe}
}

// Encrypt enciphers eight bytes with the prepared key.
func Encrypt(block [8]byte) apdu.Command {
	return apdu.Command{CLA: 0x80, INS: 0xFA, Data: block[:], Le: 8}
}

// PrepareTAC derives a card's TAC key for MAC, in a module that has its master; the
// factors are those of UnionFactors.
func PrepareTAC(factors ...keys.Factor) apdu.Command { return Prepare(0x44, 0x00, factors...) }

// MAC computes a MAC with the prepared key over data of whole blocks that the
// caller padded; iv goes first.
func MAC(iv [8]byte, padded []byte) apdu.Command {
	return apdu.Command{CLA: 0x80, INS: 0xFA, P1: 5, Data: append(append([]byte{}, iv[:]...), padded...), Le: 4}
}
