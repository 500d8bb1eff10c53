package chip

import (
	"encoding/binary"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/purse"
)

const (
	keyIndex    = 1
	maxSequence = 0xFFFF
)

// initialize is INITIALIZE FOR … (80 50 P1 P2): P1 00 load, 01 purchase, 02 cash, 03 composite
// purchase, 04 overdraft update. It changes nothing permanent. Unknown key index is 9403, too
// little money 9401, an exhausted counter 9402, a deposit debited without PIN 6982.
func (c *Chip) initialize(cmd apdu.Command) ([]byte, apdu.Status) {
	d := c.session.current
	w := d.wallet(cmd.P2)
	if w == nil || cmd.P1 > 4 {
		return nil, apdu.WrongParameters
	}
	if !d.issued {
		return nil, apdu.ConditionsNotSatisfied
	}
	want := 11
	if cmd.P1 == 4 {
		want = 7
	}
	if len(cmd.Data) != want {
		return nil, apdu.WrongLength
	}
	if cmd.Data[0] != keyIndex {
		return nil, apdu.KeyIndexUnsupported
	}
	deposit := cmd.P2 == byte(purse.ED)
	deal := &c.session.deal
	deal.wallet = w
	deal.terminal = [6]byte(cmd.Data[want-6:])
	if cmd.P1 == 4 {
		return c.startOverdraft(deal)
	}
	deal.amount = binary.BigEndian.Uint32(cmd.Data[1:])
	switch cmd.P1 {
	case 0:
		return c.startLoad(deal, deposit)
	case 1:
		deal.kind = purse.TypeEPPurchase
		if deposit {
			deal.kind = purse.TypeEDPurchase
		}
	case 2:
		if !deposit {
			return nil, apdu.WrongParameters
		}
		deal.kind = purse.TypeEDCash
	case 3:
		if deposit {
			return nil, apdu.WrongParameters
		}
		deal.kind = purse.TypeCAPP
	}
	return c.startPurchase(deal, deposit)
}

func (c *Chip) startLoad(deal *deal, deposit bool) ([]byte, apdu.Status) {
	w, k := deal.wallet, c.session.current.key(keys.RoleLoad)
	switch {
	case k == nil:
		return nil, apdu.KeyIndexUnsupported
	case w.online == maxSequence:
		return nil, apdu.CounterAtMaximum
	case deal.amount > purse.MaxBalance-min(w.funds, purse.MaxBalance):
		return nil, apdu.ConditionsNotSatisfied
	}
	deal.kind = purse.TypeEPLoad
	if deposit {
		deal.kind = purse.TypeEDLoad
	}
	c.fill(deal.random[:])
	deal.session = keys.LoadSession(k.value, deal.random, w.online)
	mac := deal.session.LoadMAC1(keys.LoadStart{
		OldBalance: w.funds, Amount: deal.amount, Type: deal.kind, Terminal: deal.terminal,
	})
	deal.state = loading
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 16), w.funds)
	b = binary.BigEndian.AppendUint16(b, w.online)
	b = append(append(b, k.version, 0), deal.random[:]...)
	return append(b, mac[:]...), apdu.OK
}

func (c *Chip) startPurchase(deal *deal, deposit bool) ([]byte, apdu.Status) {
	w, k := deal.wallet, c.session.current.key(keys.RolePurchase)
	switch {
	case k == nil:
		return nil, apdu.KeyIndexUnsupported
	case deposit && !c.session.verified:
		return nil, apdu.SecurityNotSatisfied
	case w.offline == maxSequence:
		return nil, apdu.CounterAtMaximum
	case deal.amount > w.funds:
		return nil, apdu.InsufficientAmount
	}
	c.fill(deal.random[:])
	deal.state = paying
	if deal.kind == purse.TypeCAPP {
		deal.state = caching
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 15), w.funds)
	b = binary.BigEndian.AppendUint16(b, w.offline)
	b = append(b, byte(w.limit>>16), byte(w.limit>>8), byte(w.limit), k.version, 0)
	return append(b, deal.random[:]...), apdu.OK
}

func (c *Chip) startOverdraft(deal *deal) ([]byte, apdu.Status) {
	w, k := deal.wallet, c.session.current.key(keys.RoleOverdraft)
	switch {
	case k == nil:
		return nil, apdu.KeyIndexUnsupported
	case w.online == maxSequence:
		return nil, apdu.CounterAtMaximum
	}
	deal.kind = purse.TypeOverdraft
	c.fill(deal.random[:])
	deal.session = keys.LoadSession(k.value, deal.random, w.online)
	mac := deal.session.OverdraftMAC1(keys.OverdraftStart{
		OldBalance: w.funds, OldLimit: w.limit, Terminal: deal.terminal,
	})
	deal.state = limiting
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 19), w.funds)
	b = binary.BigEndian.AppendUint16(b, w.online)
	b = append(b, byte(w.limit>>16), byte(w.limit>>8), byte(w.limit), k.version, 0)
	b = append(b, deal.random[:]...)
	return append(b, mac[:]...), apdu.OK
}
