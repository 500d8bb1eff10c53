package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/ssc"
)

// internalAuthenticate is INTERNAL AUTHENTICATE (00 88 00 key). A transit card enciphers eight
// bytes of the terminal with the card master key. A social-security card takes random8 and data8
// and answers eight bytes under a key that serves nothing else: with a key that opens the card, the
// card would answer its own challenges here.
func (c *Chip) internalAuthenticate(cmd apdu.Command) ([]byte, apdu.Status) {
	if cmd.P1 != 0 {
		return nil, apdu.WrongParameters
	}
	d := c.session.current
	role, id, want := keys.RoleCardMaster, byte(keyCard), 8
	if d.social {
		role, id, want = keys.RoleSocialSecurityGenuine, ssc.KeyGenuine, 16
	}
	var k *key
	if cmd.P2 == id {
		k = d.key(role)
	}
	switch {
	case k == nil:
		return nil, apdu.KeyNotFound
	case len(cmd.Data) != want:
		return nil, apdu.WrongLength
	case !d.social:
		return k.value.Encrypt(cmd.Data), apdu.OK
	}
	answer, known := d.security().genuine.Answer(k.value, [8]byte(cmd.Data), [8]byte(cmd.Data[8:]))
	if !known {
		return nil, apdu.FunctionNotSupported
	}
	return answer[:], apdu.OK
}
