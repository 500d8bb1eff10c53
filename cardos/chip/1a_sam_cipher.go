package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// The module's key for opening social-security cards, as commands name it.
const (
	accessKeyType = 0x48
	accessKeyID   = 0x12
)

// prepareKey is the generic key preparation (80 1A type id, factors of eight
// bytes, the lowest level first). Only the access key serves it: ciphering at
// will with the purchase key would make the module sign anything.
func (c *Chip) prepareKey(cmd apdu.Command) apdu.Status {
	c.session.access = access{}
	if cmd.P1 != accessKeyType || cmd.P2 != accessKeyID {
		return apdu.KeyNotFound
	}
	if len(cmd.Data) == 0 || len(cmd.Data) > 24 || len(cmd.Data)%8 != 0 {
		return apdu.WrongLength
	}
	k := c.session.current.sam.masters.SocialSecurity
	for n := len(cmd.Data) - 8; n >= 0; n -= 8 {
		k = keys.Diversify(k, keys.Factor(cmd.Data[n:]))
	}
	c.session.access = access{ready: true, key: k}
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

// cipher is the ciphering of one block with the prepared key (80 FA 00 00 08); no
// prepared key is 6985.
func (c *Chip) cipher(cmd apdu.Command) ([]byte, apdu.Status) {
	switch {
	case cmd.P1 != 0 || cmd.P2 != 0:
		return nil, apdu.WrongParameters
	case len(cmd.Data) != 8:
		return nil, apdu.WrongLength
	case !c.session.access.ready:
		return nil, apdu.ConditionsNotSatisfied
	default:
		return c.session.access.key.Encrypt(cmd.Data), apdu.OK
	}
}
