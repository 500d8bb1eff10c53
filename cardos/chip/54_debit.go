package chip

import (
	"encoding/binary"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
)

// debit is DEBIT FOR PURCHASE, CASH and CAPP (80 54 01 00 0F terminal sequence4 date4 time3 MAC1):
// takes the money, counts, logs, and makes cached updates permanent, all in one step. The answer is
// TAC, then MAC2. A wrong MAC1 is 9302 and ends the transaction; a composite purchase without a
// cached update is 6985.
func (c *Chip) debit(cmd apdu.Command) ([]byte, apdu.Status) {
	deal := &c.session.deal
	if deal.state != paying && deal.state != caching {
		return nil, apdu.ConditionsNotSatisfied
	}
	defer deal.end()
	switch {
	case cmd.P1 != 1 || cmd.P2 != 0:
		return nil, apdu.WrongParameters
	case len(cmd.Data) != 15:
		return nil, apdu.WrongLength
	case deal.state == caching && len(deal.updates) == 0:
		return nil, apdu.ConditionsNotSatisfied
	}
	d, w := c.session.current, deal.wallet
	tacKey, payKey := d.key(keys.RoleTAC), d.key(keys.RolePurchase)
	if tacKey == nil || payKey == nil {
		return nil, apdu.KeyNotFound
	}
	sequence, when := binary.BigEndian.Uint32(cmd.Data), [7]byte(cmd.Data[4:])
	session := keys.PurchaseSession(payKey.value, deal.random, w.offline, sequence)
	right := session.PurchaseMAC1(keys.Movement{
		Amount: deal.amount, Type: deal.kind, Terminal: deal.terminal, Time: when,
	})
	if !right.Equal(keys.MAC(cmd.Data[11:])) {
		return nil, apdu.MACInvalid
	}
	mac2 := session.PurchaseMAC2(deal.amount)
	tac := keys.PurchaseTAC(tacKey.value, keys.Purchase{
		Amount: deal.amount, Type: deal.kind, Terminal: deal.terminal, TerminalSequence: sequence, Time: when,
	})
	log := c.logUpdate(w.offline, when)
	if !c.commit(func() {
		w.funds -= deal.amount
		w.offline++
		log.file.apply(log)
		for _, u := range deal.updates {
			u.file.apply(u)
		}
		d.proof = proof{kind: deal.kind, sequence: w.offline, tac: tac, mac2: mac2}
	}) {
		return nil, apdu.NoDiagnosis
	}
	return append(append(make([]byte, 0, 8), tac[:]...), mac2[:]...), apdu.OK
}

// logUpdate stages the log record of the transaction in progress.
func (c *Chip) logUpdate(sequence uint16, when [7]byte) update {
	deal := &c.session.deal
	record := purse.LogRecord{
		Sequence: sequence, OverdraftLimit: deal.wallet.limit, Amount: deal.amount,
		Type: deal.kind, Terminal: deal.terminal, Time: when,
	}.Encode()
	return update{c.session.current.bySFI(purse.LogSFI), -1, record[:]}
}
