package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// creditForLoad is CREDIT FOR LOAD (80 52 00 00 0B date4 time3 MAC2): adds the
// money, counts and logs in one step. A wrong MAC2 is 9302 and ends the
// transaction.
func (c *Chip) creditForLoad(cmd apdu.Command) ([]byte, apdu.Status) {
	deal := &c.session.deal
	if deal.state != loading {
		return nil, apdu.ConditionsNotSatisfied
	}
	defer deal.end()
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return nil, apdu.WrongParameters
	}
	if len(cmd.Data) != 11 {
		return nil, apdu.WrongLength
	}
	d, w := c.session.current, deal.wallet
	when := [7]byte(cmd.Data)
	right := deal.session.LoadMAC2(keys.Movement{
		Amount: deal.amount, Type: deal.kind, Terminal: deal.terminal, Time: when,
	})
	if !right.Equal(keys.MAC(cmd.Data[7:])) {
		return nil, apdu.MACInvalid
	}
	k := d.key(keys.RoleTAC)
	if k == nil {
		return nil, apdu.KeyNotFound
	}
	funds := w.funds + deal.amount
	tac := keys.LoadTAC(k.value, keys.Load{
		NewBalance: funds, OnlineSequence: w.online, Amount: deal.amount,
		Type: deal.kind, Terminal: deal.terminal, Time: when,
	})
	log := c.logUpdate(w.online, when)
	if !c.commit(func() {
		w.funds = funds
		w.online++
		log.file.apply(log)
		d.proof = proof{kind: deal.kind, sequence: w.online, tac: tac}
	}) {
		return nil, apdu.NoDiagnosis
	}
	return tac[:], apdu.OK
}
