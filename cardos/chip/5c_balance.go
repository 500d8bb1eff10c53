package chip

import (
	"encoding/binary"

	"citycard/cardos/apdu"
)

// getBalance is GET BALANCE (80 5C P1 P2 04): P2 01 deposit, 02 purse; P1 00 with
// the overdraft allowance, 01 the overdraft limit, 02 how much of it is used, 03
// without the allowance.
func (c *Chip) getBalance(cmd apdu.Command) ([]byte, apdu.Status) {
	w := c.session.current.wallet(cmd.P2)
	if w == nil || cmd.P1 > 3 {
		return nil, apdu.WrongParameters
	}
	if len(cmd.Data) > 0 || cmd.Le > 4 {
		return nil, apdu.WrongLength
	}
	v := [...]uint32{w.funds, w.limit, w.used(), w.own()}[cmd.P1]
	return binary.BigEndian.AppendUint32(nil, v), apdu.OK
}
