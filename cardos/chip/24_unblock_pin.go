package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// unblockPIN is PIN UNBLOCK (84 24 00 00): the enciphered PIN and a MAC, both
// under the PIN key. The PIN is set and gets all its tries back.
func (c *Chip) unblockPIN(cmd apdu.Command) apdu.Status {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongParameters
	}
	role := keys.RolePIN
	if c.session.current.social {
		role = keys.RoleSocialSecurityPIN
	}
	data, status := c.unseal(cmd, role)
	if status != apdu.OK {
		return status
	}
	value, ok := c.pinKey().value.Unwrap(data)
	if !ok || !validPIN(value) {
		return apdu.WrongData
	}
	return c.setPIN(value)
}
