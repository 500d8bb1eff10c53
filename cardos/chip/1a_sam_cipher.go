package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// The module's keys, as commands name them: the one for opening social-security
// cards, and the TAC key of a module that recomputes certificates, as seen in public
// dialogues (80 1A 44 00).
const (
	accessKeyType = 0x48
	accessKeyID   = 0x12
	tacKeyType    = 0x44
	tacKeyID      = 0x00
)

// Modes of CIPHER, in P1.
const (
	cipherEncrypt = 0x00
	cipherMAC     = 0x05
)

// prepareKey is the generic key preparation (80 1A type id, factors of eight
// bytes, the lowest level first). The access key then enciphers, the TAC key makes
// MACs; a terminal's module has no TAC key. The purchase key serves neither:
// ciphering at will with it would make the module sign anything.
func (c *Chip) prepareKey(cmd apdu.Command) apdu.Status {
	c.session.access = access{}
	masters := c.session.current.sam.masters
	k, mode := masters.SocialSecurity, byte(cipherEncrypt)
	switch {
	case cmd.P1 == accessKeyType && cmd.P2 == accessKeyID:
	case cmd.P1 == tacKeyType && cmd.P2 == tacKeyID && !masters.TAC.IsZero():
		k, mode = masters.TAC, cipherMAC
	default:
		return apdu.KeyNotFound
	}
	if len(cmd.Data) == 0 || len(cmd.Data) > 24 || len(cmd.Data)%8 != 0 {
		return apdu.WrongLength
	}
	for n := len(cmd.Data) - 8; n >= 0; n -= 8 {
		k = keys.Diversify(k, keys.Factor(cmd.Data[n:]))
	}
	c.session.access = access{ready: true, mode: mode, key: k}
	return apdu.OK
}

// prepareAccess is the preparation readers of social-security cards use (BF DE 48 12
// 18: card factor8, city factor8, random8).
func (c *Chip) prepareAccess(cmd apdu.Command) ([]byte, apdu.Status) {
	c.session.access = access{}
	if cmd.P1 != accessKeyType || cmd.P2 != accessKeyID {
		return nil, apdu.KeyNotFound
	}
	if len(cmd.Data) != 24 {
		return nil, apdu.WrongLength
	}
	card, city, random := keys.Factor(cmd.Data), keys.Factor(cmd.Data[8:]), keys.Factor(cmd.Data[16:])
	k := keys.Diversify(c.session.current.sam.masters.SocialSecurity, city, card, random)
	c.session.access = access{ready: true, key: k}
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
