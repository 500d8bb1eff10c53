package chip

import "citycard/cardos/apdu"

// prove is GET TRANSACTION PROVE (80 5A 00 type 02 sequence2): gives TAC and MAC2 of the last
// transaction again if type and sequence (the present counter, one more than the transaction's)
// match it; else 9406. The proof survives a loss of power; that is its purpose. Sources disagree on
// the order of the two: see [Chip.ProveMACFirst].
func (c *Chip) prove(cmd apdu.Command) ([]byte, apdu.Status) {
	d := c.session.current
	if d.ep == nil && d.ed == nil || cmd.P1 != 0 {
		return nil, apdu.WrongParameters
	}
	if len(cmd.Data) != 2 {
		return nil, apdu.WrongLength
	}
	p := &d.proof
	if p.kind == 0 || p.kind != cmd.P2 || p.sequence != uint16(cmd.Data[0])<<8|uint16(cmd.Data[1]) {
		return nil, apdu.MACUnavailable
	}
	if c.macFirst {
		return append(append(make([]byte, 0, 8), p.mac2[:]...), p.tac[:]...), apdu.OK
	}
	return append(append(make([]byte, 0, 8), p.tac[:]...), p.mac2[:]...), apdu.OK
}
