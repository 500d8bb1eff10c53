package chip

import (
	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
)

// updateOverdraft is UPDATE OVERDRAFT LIMIT (80 58 00 00 0E limit3 date4 time3
// MAC2). The funds follow the limit; a limit below what is already overdrawn is
// 6985.
func (c *Chip) updateOverdraft(cmd apdu.Command) ([]byte, apdu.Status) {
	deal := &c.session.deal
	if deal.state != limiting {
		return nil, apdu.ConditionsNotSatisfied
	}
	defer deal.end()
	if cmd.P1 != 0 || cmd.P2 != 0 {
		return nil, apdu.WrongParameters
	}
	if len(cmd.Data) != 14 {
		return nil, apdu.WrongLength
	}
	d, w := c.session.current, deal.wallet
	end := keys.OverdraftEnd{
		NewLimit: uint32(cmd.Data[0])<<16 | uint32(cmd.Data[1])<<8 | uint32(cmd.Data[2]),
		Terminal: deal.terminal,
		Time:     [7]byte(cmd.Data[3:]),
	}
	if !deal.session.OverdraftMAC2(end).Equal(keys.MAC(cmd.Data[10:])) {
		return nil, apdu.MACInvalid
	}
	k := d.key(keys.RoleTAC)
	if k == nil {
		return nil, apdu.KeyNotFound
	}
	funds := int64(w.funds) + int64(end.NewLimit) - int64(w.limit)
	if funds < 0 || funds > purse.MaxBalance {
		return nil, apdu.ConditionsNotSatisfied
	}
	tac := k.value.TACKey().Overdraft(keys.Overdraft{
		Balance: uint32(funds), OnlineSequence: w.online, OverdraftEnd: end,
	})
	log := c.logUpdate(w.online, end.Time)
	if !c.commit(func() {
		w.funds, w.limit = uint32(funds), end.NewLimit
		w.online++
		log.file.apply(log)
		d.proof = proof{kind: deal.kind, sequence: w.online, tac: tac}
	}) {
		return nil, apdu.NoDiagnosis
	}
	return tac[:], apdu.OK
}
