package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
)

// AccountID is an account's number in the journal: the first 63 bits of the SHA-256 of its code. So
// it can be computed without a look-up, no sequence is needed to open accounts, and anyone can
// check the link between code and journal. If two codes have the same number (about 1 in 10^5 at
// ten million accounts), the second account is refused when it is opened.
type AccountID int64

// IDOfCode returns the account number that belongs to a code.
func IDOfCode(code string) AccountID { return AccountID(number(code)) }

func number(name string) int64 {
	sum := sha256.Sum256([]byte(name))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}

// Kind is what an account is in the books.
type Kind string

// The kinds of account.
const (
	Asset     Kind = "asset"
	Liability Kind = "liability"
	Income    Kind = "income"
	Expense   Kind = "expense"
)

// DebitNormal reports whether the account usually has more debits than credits.
func (k Kind) DebitNormal() bool { return k == Asset || k == Expense }

// Flags limit what may be posted to an account.
type Flags int32

// The account flags.
const (
	// DebitsMustNotExceedCredits refuses a debit beyond what the account holds (a person's or a
	// fund's money).
	DebitsMustNotExceedCredits Flags = 1 << iota
	// CreditsMustNotExceedDebits refuses a credit beyond what the account was debited with (money
	// at a bank).
	CreditsMustNotExceedDebits
	// Closed refuses every transfer, for good.
	Closed
	// Frozen refuses every transfer until the flag is taken away.
	Frozen
	// MustReturnToZero marks a clearing account, on which nothing should be left at the end of a
	// day; see Ledger.NotAtZero.
	MustReturnToZero

	// AllFlags has every flag there is.
	AllFlags = DebitsMustNotExceedCredits | CreditsMustNotExceedDebits | Closed | Frozen | MustReturnToZero
)

var flagNames = [...]string{"debits must not exceed credits", "credits must not exceed debits", "closed", "frozen", "must return to zero"}

// String names the flags, separated by commas.
func (f Flags) String() string {
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if rest := f &^ AllFlags; rest != 0 {
		names = append(names, fmt.Sprintf("%#x", int32(rest)))
	}
	return strings.Join(names, ", ")
}

// MaxShards bounds the number of rows an account's balance may be spread over.
const MaxShards = 256

// Account is one account of the chart.
type Account struct {
	// ID is set by the ledger from Code and ignored on the way in.
	ID AccountID
	// Code is the account's unique name, such as "operator:metro"; 1 to 128 bytes of UTF-8.
	Code string
	Kind Kind
	// Owner is whom the account belongs to, for the caller's reports; at most 128 bytes.
	Owner string
	Flags Flags
	// Shards is the number of rows its balance is spread over, so that several streams can add to
	// one account at once; 0 means 1. It cannot be changed later. An account limited both ways has
	// one shard.
	Shards int
	// Cap is the amount by which the debits of an account may exceed its credits although the flag
	// forbids it (an agent's credit).
	Cap Fen
	// Alarm, at most Cap, is the use from which on there is an alarm: the batch that brings the
	// account there says so in its outcome. 0 is never.
	Alarm Fen
}

// OpeningHash computes the hash of what an account was opened with: the RFC 6962 leaf hash over the
// text "ledger account 1", flags and shards as 4 bytes each, cap and alarm as 8, and code, kind and
// owner, each after its length as 4 bytes.
func (a Account) OpeningHash() Hash {
	b := append([]byte{0}, "ledger account 1"...)
	b = binary.BigEndian.AppendUint32(b, uint32(a.Flags))
	b = binary.BigEndian.AppendUint32(b, uint32(a.Shards))
	b = binary.BigEndian.AppendUint64(b, uint64(a.Cap))
	b = binary.BigEndian.AppendUint64(b, uint64(a.Alarm))
	b = AppendSized(b, a.Code)
	b = AppendSized(b, a.Kind)
	return sha256.Sum256(AppendSized(b, a.Owner))
}
