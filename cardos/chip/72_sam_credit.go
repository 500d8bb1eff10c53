package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// creditSAM is CREDIT SAM FOR PURCHASE (80 72 00 00 04 MAC2): checks that the
// card gave the money. A wrong MAC2 is 9302 and ends the purchase.
func (c *Chip) creditSAM(cmd apdu.Command) apdu.Status {
	waiting := c.session.sale
	c.session.sale = sale{}
	switch {
	case cmd.P1 != 0 || cmd.P2 != 0:
		return apdu.WrongParameters
	case len(cmd.Data) != 4:
		return apdu.WrongLength
	case !waiting.pending:
		return apdu.ConditionsNotSatisfied
	case !waiting.session.PurchaseMAC2(waiting.amount).Equal(keys.MAC(cmd.Data)):
		return apdu.MACInvalid
	default:
		return apdu.OK
	}
}
