package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// internalAuthenticate is INTERNAL AUTHENTICATE (00 88 00 key 08): enciphers data
// of the terminal with the card master key. Social-security cards have no key for
// it here: with the access key it would answer that key's own challenges.
func (c *Chip) internalAuthenticate(cmd apdu.Command) ([]byte, apdu.Status) {
	if cmd.P1 != 0 {
		return nil, apdu.WrongParameters
	}
	if len(cmd.Data) != 8 {
		return nil, apdu.WrongLength
	}
	var k *key
	if !c.session.current.social && cmd.P2 == keyCard {
		k = c.session.current.key(keys.RoleCardMaster)
	}
	if k == nil {
		return nil, apdu.KeyNotFound
	}
	return k.value.Encrypt(cmd.Data), apdu.OK
}
