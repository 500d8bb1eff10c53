package purse

import (
	"encoding/binary"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
)

// Wallet chooses between the two purses of an application.
type Wallet byte

// Wallets, as P2 names them.
const (
	ED Wallet = 1 // electronic deposit, debited with a PIN
	EP Wallet = 2 // electronic purse, debited without
)

// Transaction types, as MACs cover them and the log records them.
const (
	TypeEDLoad     byte = 0x01
	TypeEPLoad     byte = 0x02
	TypeUnload     byte = 0x03
	TypeEDCash     byte = 0x04
	TypeEDPurchase byte = 0x05
	TypeEPPurchase byte = 0x06
	TypeOverdraft  byte = keys.TypeOverdraft
	TypeCAPP       byte = 0x09
)

// BalanceKind is P1 of GET BALANCE. Only cards of the transit union know kinds
// other than Available.
type BalanceKind byte

// Kinds of balance. With an overdraft limit of zero Available and Own agree.
const (
	Available      BalanceKind = 0 // with the overdraft allowance
	OverdraftLimit BalanceKind = 1
	OverdraftUsed  BalanceKind = 2
	Own            BalanceKind = 3 // without the overdraft allowance
)

// GetBalance asks for a balance; the answer is for ParseBalance.
func GetBalance(kind BalanceKind, w Wallet) apdu.Command {
	return apdu.Command{CLA: 0x80, INS: 0x5C, P1: byte(kind), P2: byte(w), Le: 4}
}

// Start is what every INITIALIZE command carries.
type Start struct {
	Wallet   Wallet
	KeyIndex byte
	Amount   uint32
	Terminal [6]byte
}

// InitializeLoad begins a load; the answer is for ParseLoadStart.
func InitializeLoad(s Start) apdu.Command { return s.command(0, 16) }

// InitializePurchase begins a purchase; the answer is for ParsePurchaseStart.
func InitializePurchase(s Start) apdu.Command { return s.command(1, 15) }

// InitializeCAPP begins a composite purchase; the answer is for
// ParsePurchaseStart.
func InitializeCAPP(s Start) apdu.Command { return s.command(3, 15) }

func (s Start) command(p1 byte, le int) apdu.Command {
	data := make([]byte, 0, 11)
	data = append(data, s.KeyIndex)
	data = binary.BigEndian.AppendUint32(data, s.Amount)
	data = append(data, s.Terminal[:]...)
	return apdu.Command{CLA: 0x80, INS: 0x50, P1: p1, P2: byte(s.Wallet), Data: data, Le: le}
}

// InitializeOverdraft begins an update of the overdraft limit; the answer is
// for ParseOverdraftStart.
func InitializeOverdraft(w Wallet, keyIndex byte, terminal [6]byte) apdu.Command {
	data := append([]byte{keyIndex}, terminal[:]...)
	return apdu.Command{CLA: 0x80, INS: 0x50, P1: 4, P2: byte(w), Data: data, Le: 19}
}

// UpdateCAPP caches one record for the composite purchase that has begun. id is
// P1: the low byte of the record's own identifier, its number, or 0.
func UpdateCAPP(id, sfi byte, record []byte) apdu.Command {
	return apdu.Command{CLA: 0x80, INS: 0xDC, P1: id, P2: sfi << 3, Data: record, Le: apdu.NoLe}
}

// CreditLoad ends a load; the answer is for ParseTAC.
func CreditLoad(time [7]byte, mac2 keys.MAC) apdu.Command {
	data := append(append(make([]byte, 0, 11), time[:]...), mac2[:]...)
	return apdu.Command{CLA: 0x80, INS: 0x52, Data: data, Le: 4}
}

// Debit ends a purchase, cash withdrawal or composite purchase; the answer is
// for ParseDebit. When no answer comes, the outcome is unknown.
func Debit(terminalSequence uint32, time [7]byte, mac1 keys.MAC) apdu.Command {
	data := binary.BigEndian.AppendUint32(make([]byte, 0, 15), terminalSequence)
	data = append(append(data, time[:]...), mac1[:]...)
	return apdu.Command{CLA: 0x80, INS: 0x54, P1: 1, Data: data, Le: 8}
}

// UpdateOverdraft ends an update of the overdraft limit (at most 0xFFFFFF fen);
// the answer is for ParseTAC.
func UpdateOverdraft(limit uint32, time [7]byte, mac2 keys.MAC) apdu.Command {
	data := append(make([]byte, 0, 14), byte(limit>>16), byte(limit>>8), byte(limit))
	data = append(append(data, time[:]...), mac2[:]...)
	return apdu.Command{CLA: 0x80, INS: 0x58, Data: data, Le: 4}
}

// Prove asks again for the codes of the last transaction of a type. sequence is
// the counter as it stands now: one more than the transaction's own. A card that
// did not finish that transaction answers 9406. The answer is for ParseProof.
func Prove(kind byte, sequence uint16) apdu.Command {
	data := []byte{byte(sequence >> 8), byte(sequence)}
	return apdu.Command{CLA: 0x80, INS: 0x5A, P2: kind, Data: data, Le: 8}
}

// ChangePIN replaces a PIN by one that the holder knows.
func ChangePIN(id byte, old, new []byte) apdu.Command {
	data := append(append(append([]byte{}, old...), 0xFF), new...)
	return apdu.Command{CLA: 0x80, INS: 0x5E, P1: 1, P2: id, Data: data, Le: apdu.NoLe}
}

// ReloadPIN sets a new PIN with the reload key: the MAC is a retail MAC with IV
// zero over the PIN.
func ReloadPIN(id byte, pin []byte, mac keys.MAC) apdu.Command {
	data := append(append([]byte{}, pin...), mac[:]...)
	return apdu.Command{CLA: 0x80, INS: 0x5E, P2: id, Data: data, Le: apdu.NoLe}
}
