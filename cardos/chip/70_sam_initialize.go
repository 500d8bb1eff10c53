package chip

import (
	"encoding/binary"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// initializeSAM is INITIALIZE SAM FOR PURCHASE (80 70 00 00 Lc random4 offline sequence2 amount4
// type1 date4 time3 key version1 algorithm1 factors8..24): counts and answers terminal sequence4
// and MAC1. The number is used, whatever command follows. An unknown key version or algorithm is
// 9403, a counter at its end 9402.
func (c *Chip) initializeSAM(cmd apdu.Command) ([]byte, apdu.Status) {
	const head = 20
	c.session.sale = sale{}
	s := c.session.current.sam
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return nil, apdu.WrongParameters
	}
	factors := len(cmd.Data) - head
	if factors < 8 || factors > 24 || factors%8 != 0 {
		return nil, apdu.WrongLength
	}
	cardKey, held := s.cardKey(cmd.Data[18], cmd.Data[head:])
	if !held || cmd.Data[19] != 0 {
		return nil, apdu.KeyIndexUnsupported
	}
	if s.sequence == 1<<32-1 {
		return nil, apdu.CounterAtMaximum
	}
	sequence := s.sequence
	amount := binary.BigEndian.Uint32(cmd.Data[6:])
	session := keys.PurchaseSession(cardKey,
		[4]byte(cmd.Data), binary.BigEndian.Uint16(cmd.Data[4:]), sequence)
	number := c.session.current.bySFI(0x16).binary()
	mac1 := session.PurchaseMAC1(keys.Movement{
		Amount: amount, Type: cmd.Data[10], Terminal: [6]byte(number), Time: [7]byte(cmd.Data[11:]),
	})
	if !c.commit(func() { s.sequence++ }) {
		return nil, apdu.NoDiagnosis
	}
	c.session.sale = sale{pending: true, amount: amount, session: session}
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 8), sequence), mac1[:]...), apdu.OK
}
