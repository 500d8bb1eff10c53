package chip

import (
	"crypto/subtle"

	"citycard/cardos/apdu"
)

// Lengths of a PIN in bytes, two digits each.
const (
	leastPIN = 2
	mostPIN  = 6
	pinLimit = 3
)

// verify is VERIFY (00 20 00 00 Lc): presents the holder's PIN. Wrong is 63Cx and
// costs a try, none left is 6983, no PIN set 6A88.
func (c *Chip) verify(cmd apdu.Command) apdu.Status {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return apdu.WrongParameters
	}
	if len(cmd.Data) < leastPIN || len(cmd.Data) > mostPIN {
		return apdu.WrongLength
	}
	return c.tryPIN(cmd.Data)
}

// tryPIN compares and counts; the try is spent before the answer is known.
func (c *Chip) tryPIN(given []byte) apdu.Status {
	p := &c.session.current.security().pin
	c.session.verified = false
	switch {
	case len(p.value) == 0:
		return apdu.KeyNotFound
	case p.tries == 0:
		return apdu.Locked
	}
	right := subtle.ConstantTimeCompare(p.value, given) == 1
	tries := p.tries - 1
	if right {
		tries = p.limit
	}
	if tries != p.tries && !c.commit(func() { p.tries = tries }) {
		return apdu.NoDiagnosis
	}
	if !right {
		return apdu.TriesLeft(int(tries))
	}
	c.session.verified = true
	return apdu.OK
}
