package chip

import "citycard/cardos/apdu"

// getChallenge is GET CHALLENGE (00 84 00 00 04|08|10). The challenge serves one
// authentication or one sealed command.
func (c *Chip) getChallenge(cmd apdu.Command) ([]byte, apdu.Status) {
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return nil, apdu.WrongParameters
	}
	n := cmd.Le
	if n == 0 {
		n = 8
	}
	if n != 4 && n != 8 && n != 16 {
		return nil, apdu.WrongLength
	}
	c.session.challenge = [16]byte{}
	c.fill(c.session.challenge[:n])
	c.session.fresh = n
	return c.session.challenge[:n], apdu.OK
}

// takeChallenge returns the challenge once.
func (c *Chip) takeChallenge() ([]byte, bool) {
	n := c.session.fresh
	c.session.fresh = 0
	return c.session.challenge[:n], n > 0
}
