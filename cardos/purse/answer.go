package purse

import (
	"encoding/binary"
	"errors"
	"fmt"

	"citycard/cardos/keys"
)

// ErrAnswer is wrapped by every error about an answer of the wrong shape.
var ErrAnswer = errors.New("malformed purse answer")

// MaxBalance is the most that a purse holds, in fen: the 31 bits of a balance that all readers
// agree on.
const MaxBalance = 0x7FFFFFFF

func want(what string, b []byte, n int) error {
	if len(b) != n {
		return fmt.Errorf("%s: %d bytes, want %d: %w", what, len(b), n, ErrAnswer)
	}
	return nil
}

// ParseBalance reads the answer to GET BALANCE, in fen. The top bit is not part of
// the amount: cards in the field set it without known meaning.
func ParseBalance(b []byte) (uint32, error) {
	if err := want("balance", b, 4); err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(b) & MaxBalance, nil
}

// LoadStart is the answer to INITIALIZE FOR LOAD.
type LoadStart struct {
	OldBalance     uint32
	OnlineSequence uint16
	KeyVersion     byte
	Algorithm      byte // 0 = 3DES
	Random         [4]byte
	MAC1           keys.MAC
}

// ParseLoadStart reads the answer to INITIALIZE FOR LOAD (16 bytes).
func ParseLoadStart(b []byte) (LoadStart, error) {
	if err := want("initialize for load", b, 16); err != nil {
		return LoadStart{}, err
	}
	return LoadStart{
		OldBalance:     binary.BigEndian.Uint32(b),
		OnlineSequence: binary.BigEndian.Uint16(b[4:]),
		KeyVersion:     b[6],
		Algorithm:      b[7],
		Random:         [4]byte(b[8:]),
		MAC1:           keys.MAC(b[12:]),
	}, nil
}

// PurchaseStart is the answer to INITIALIZE FOR PURCHASE, CASH and CAPP.
type PurchaseStart struct {
	OldBalance      uint32
	OfflineSequence uint16
	OverdraftLimit  uint32 // three bytes
	KeyVersion      byte
	Algorithm       byte
	Random          [4]byte
}

// Own is the balance without the overdraft allowance, below zero what is overdrawn: the old balance
// counts the allowance in. The old balance's top bit is not part of the amount.
func (s PurchaseStart) Own() int32 {
	return int32(s.OldBalance&MaxBalance) - int32(s.OverdraftLimit)
}

// ParsePurchaseStart reads the answer to INITIALIZE FOR PURCHASE (15 bytes).
func ParsePurchaseStart(b []byte) (PurchaseStart, error) {
	if err := want("initialize for purchase", b, 15); err != nil {
		return PurchaseStart{}, err
	}
	return PurchaseStart{
		OldBalance:      binary.BigEndian.Uint32(b),
		OfflineSequence: binary.BigEndian.Uint16(b[4:]),
		OverdraftLimit:  uint24(b[6:]),
		KeyVersion:      b[9],
		Algorithm:       b[10],
		Random:          [4]byte(b[11:]),
	}, nil
}

// OverdraftStart is the answer to INITIALIZE FOR UPDATE.
type OverdraftStart struct {
	OldBalance     uint32
	OnlineSequence uint16
	OldLimit       uint32 // three bytes
	KeyVersion     byte
	Algorithm      byte
	Random         [4]byte
	MAC1           keys.MAC
}

// ParseOverdraftStart reads the answer to INITIALIZE FOR UPDATE (19 bytes).
func ParseOverdraftStart(b []byte) (OverdraftStart, error) {
	if err := want("initialize for update", b, 19); err != nil {
		return OverdraftStart{}, err
	}
	return OverdraftStart{
		OldBalance:     binary.BigEndian.Uint32(b),
		OnlineSequence: binary.BigEndian.Uint16(b[4:]),
		OldLimit:       uint24(b[6:]),
		KeyVersion:     b[9],
		Algorithm:      b[10],
		Random:         [4]byte(b[11:]),
		MAC1:           keys.MAC(b[15:]),
	}, nil
}

// ParseTAC reads the answer to CREDIT FOR LOAD and UPDATE OVERDRAFT LIMIT.
func ParseTAC(b []byte) (keys.MAC, error) {
	if err := want("transaction certificate", b, 4); err != nil {
		return keys.MAC{}, err
	}
	return keys.MAC(b), nil
}

// Receipt holds the codes with which a card confirms a transaction.
type Receipt struct{ TAC, MAC2 keys.MAC }

// ParseDebit reads the answer to DEBIT: TAC, then MAC2.
func ParseDebit(b []byte) (Receipt, error) {
	if err := want("debit", b, 8); err != nil {
		return Receipt{}, err
	}
	return Receipt{TAC: keys.MAC(b), MAC2: keys.MAC(b[4:])}, nil
}

// ParseProof reads the answer to GET TRANSACTION PROVE in the order of the
// DEBIT: TAC, then MAC2. Sources disagree on the order; a caller that knows
// what one of the two must be should also try [Receipt.Swapped].
func ParseProof(b []byte) (Receipt, error) {
	if err := want("transaction proof", b, 8); err != nil {
		return Receipt{}, err
	}
	return ParseDebit(b)
}

// Swapped is the receipt read in the other order.
func (r Receipt) Swapped() Receipt { return Receipt{TAC: r.MAC2, MAC2: r.TAC} }

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
