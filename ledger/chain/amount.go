package chain

import (
	"fmt"
	"strconv"
)

// Fen is an amount of money in whole fen (分, a hundredth of a yuan).
type Fen int64

// MaxAmount is the largest amount of one transfer: ten trillion yuan. A balance can hold nine
// thousand such transfers before it overflows; the database would refuse an overflow.
const MaxAmount Fen = 1_000_000_000_000_000

// String formats the amount in yuan with two decimals, for people.
func (f Fen) String() string {
	sign := ""
	magnitude := uint64(f)
	if f < 0 {
		sign = "-"
		magnitude = -magnitude
	}
	return sign + strconv.FormatUint(magnitude/100, 10) + "." + fmt.Sprintf("%02d", magnitude%100)
}

// Sums are an account's total debits and credits, and what is held on each side and not yet moved.
type Sums struct {
	Debits, Credits         Fen
	DebitsHeld, CreditsHeld Fen
}

// Available returns credits - debits less what is held on the debit side.
func (s Sums) Available() Fen { return s.Credits - s.Debits - s.DebitsHeld }

// CreditBalance returns credits - debits.
func (s Sums) CreditBalance() Fen { return s.Credits - s.Debits }

// AddDebit adds what was moved and what is held on the debit side.
func (s *Sums) AddDebit(moved, held Fen) {
	s.Debits += moved
	s.DebitsHeld += held
}

// AddCredit adds what was moved and what is held on the credit side.
func (s *Sums) AddCredit(moved, held Fen) {
	s.Credits += moved
	s.CreditsHeld += held
}
