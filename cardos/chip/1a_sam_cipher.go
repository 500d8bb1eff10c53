package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// preparable is a master of a module that commands may prepare; they name it by type and
// identifier. The purchase master is not preparable: with it CIPHER would let the module sign
// anything.
type preparable struct {
	master keys.Key
	mode   byte // of CIPHER, that the prepared key serves
	levels int  // between the master and a card's key
}

// preparable finds a master by its name, as in public dialogues; for social-security cards the
// card's own key reference is given in brackets. A module without that master has a zero one.
//
//	47 0A  reads social-security cards        (0A)
//	48 12  writes them                        (04)
//	48 13  writes the person's identification (0D)
//	67 08  proves them genuine                (00)
//	44 00  recomputes TACs
func (s *sam) preparable(kind, id byte) (preparable, bool) {
	social := s.masters.SocialSecurity
	var p preparable
	switch [2]byte{kind, id} {
	case [2]byte{0x47, 0x0A}:
		p = preparable{social.Read, cipherEncrypt, 2}
	case [2]byte{0x48, 0x12}:
		p = preparable{social.Write, cipherEncrypt, 2}
	case [2]byte{0x48, 0x13}:
		p = preparable{social.Identity, cipherEncrypt, 2}
	case [2]byte{0x67, 0x08}:
		p = preparable{social.Genuine, cipherEncrypt, 3}
	case [2]byte{0x44, 0x00}:
		p = preparable{s.masters.TAC, cipherMAC, 0}
	}
	return p, !p.master.IsZero()
}

// Modes of CIPHER, in P1.
const (
	cipherEncrypt = 0x00
	cipherMAC     = 0x05
)

// prepareKey is the generic key preparation (80 1A type id, factors of eight
// bytes, the lowest level first).
func (c *Chip) prepareKey(cmd apdu.Command) apdu.Status {
	c.session.access = access{}
	p, found := c.session.current.sam.preparable(cmd.P1, cmd.P2)
	if !found {
		return apdu.KeyNotFound
	}
	if len(cmd.Data) == 0 || len(cmd.Data) > 24 || len(cmd.Data)%8 != 0 {
		return apdu.WrongLength
	}
	c.session.access = access{ready: true, mode: p.mode, key: diversified(p.master, cmd.Data)}
	return apdu.OK
}

// diversified derives a key by factors that come the lowest level first.
func diversified(k keys.Key, factors []byte) keys.Key {
	for n := len(factors) - 8; n >= 0; n -= 8 {
		k = keys.Diversify(k, keys.Factor(factors[n:]))
	}
	return k
}

// prepareAccess is the preparation that readers of social-security cards use (BF DE type
// id: the card's factor, the city's, for 67 08 the province's too, and random8).
func (c *Chip) prepareAccess(cmd apdu.Command) ([]byte, apdu.Status) {
	c.session.access = access{}
	p, found := c.session.current.sam.preparable(cmd.P1, cmd.P2)
	if !found || p.levels == 0 {
		return nil, apdu.KeyNotFound
	}
	if len(cmd.Data) != 8*p.levels+8 {
		return nil, apdu.WrongLength
	}
	k := diversified(p.master, cmd.Data[:8*p.levels])
	c.session.access = access{ready: true, key: keys.Diversify(k, keys.Factor(cmd.Data[8*p.levels:]))}
	return nil, apdu.OK
}

// cipher works with the prepared key: 80 FA 00 00 08 enciphers one block; 80 FA 05 00
// Lc takes an IV of eight bytes and whole blocks, padded by the caller, and gives
// their single-DES CBC-MAC of four bytes under the key's left half XOR right half,
// as a TAC is made. No prepared key, or one for the other mode, is 6985.
func (c *Chip) cipher(cmd apdu.Command) ([]byte, apdu.Status) {
	switch {
	case cmd.P1 != cipherEncrypt && cmd.P1 != cipherMAC || cmd.P2 != 0:
		return nil, apdu.WrongParameters
	case !c.session.access.ready || c.session.access.mode != cmd.P1:
		return nil, apdu.ConditionsNotSatisfied
	case cmd.P1 == cipherMAC && (len(cmd.Data) < 16 || len(cmd.Data)%8 != 0):
		return nil, apdu.WrongLength
	case cmd.P1 == cipherMAC:
		mac := c.session.access.key.TACKey().Chain([8]byte(cmd.Data), cmd.Data[8:])
		return mac[:], apdu.OK
	case len(cmd.Data) != 8:
		return nil, apdu.WrongLength
	default:
		return c.session.access.key.Encrypt(cmd.Data), apdu.OK
	}
}
