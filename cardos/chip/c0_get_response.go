package chip

import "citycard/cardos/apdu"

// getResponse is GET RESPONSE (00 C0): gives the waiting data, at most Le bytes at a time. No
// waiting data is 6985, a Le beyond it 6Cxx; 00 and none stand for 256, as the third parameter does
// over T=0.
func (c *Chip) getResponse(cmd apdu.Command) ([]byte, apdu.Status) {
	waiting := c.session.waiting
	if len(waiting) == 0 {
		return nil, apdu.ConditionsNotSatisfied
	}
	n := cmd.Le
	if n <= 0 {
		n = 256
	}
	if n > len(waiting) {
		return nil, apdu.ExactLength(len(waiting))
	}
	c.session.waiting = waiting[n:]
	if rest := len(waiting) - n; rest > 0 {
		return waiting[:n], apdu.MoreData(rest)
	}
	return waiting[:n], apdu.OK
}
