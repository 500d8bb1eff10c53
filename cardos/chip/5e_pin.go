package chip

import (
	"bytes"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// changePIN is CHANGE PIN (80 5E 01 00: old FF new) and RELOAD PIN (80 5E 00 00:
// new MAC4, a retail MAC with IV zero over the new PIN under the PIN key). A
// reload gives all tries back.
func (c *Chip) changePIN(cmd apdu.Command) apdu.Status {
	if cmd.P2 != 0 {
		return apdu.WrongParameters
	}
	switch cmd.P1 {
	case 1:
		old, fresh, ok := bytes.Cut(cmd.Data, []byte{0xFF})
		if !ok || !validPIN(old) || !validPIN(fresh) {
			return apdu.WrongData
		}
		if status := c.tryPIN(old); status != apdu.OK {
			return status
		}
		return c.setPIN(fresh)
	case 0:
		n := len(cmd.Data) - 4
		if n < leastPIN || n > mostPIN {
			return apdu.WrongLength
		}
		k := c.pinKey()
		if k == nil {
			return apdu.KeyNotFound
		}
		if k.tries == 0 {
			return apdu.Locked
		}
		if !k.value.Seal(nil, cmd.Data[:n]).Equal(keys.MAC(cmd.Data[n:])) {
			return c.failKey(k, apdu.MACInvalid)
		}
		return c.setPIN(cmd.Data[:n])
	default:
		return apdu.WrongParameters
	}
}

// pinKey is the key that reloads and unblocks the PIN.
func (c *Chip) pinKey() *key {
	if c.session.current.social {
		return c.session.current.key(keys.RoleSocialSecurityPIN)
	}
	return c.session.current.key(keys.RolePIN)
}

// failKey counts a failure of a key and returns the status.
func (c *Chip) failKey(k *key, status apdu.Status) apdu.Status {
	if !c.commit(func() { k.tries-- }) {
		return apdu.NoDiagnosis
	}
	return status
}

func (c *Chip) setPIN(value []byte) apdu.Status {
	p := &c.session.current.security().pin
	fresh := append([]byte(nil), value...)
	if !c.commit(func() {
		p.value = fresh
		if p.limit == 0 {
			p.limit = pinLimit
		}
		p.tries = p.limit
	}) {
		return apdu.NoDiagnosis
	}
	return apdu.OK
}

// validPIN checks length and digits; an odd last digit is filled with F.
func validPIN(b []byte) bool {
	if len(b) < leastPIN || len(b) > mostPIN {
		return false
	}
	for i, v := range b {
		if v>>4 > 9 || v&0xF > 9 && (v&0xF != 0xF || i != len(b)-1) {
			return false
		}
	}
	return true
}
