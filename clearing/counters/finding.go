package counters

import (
	"encoding/hex"
	"fmt"

	"citycard/cardos/tunion"
	"citycard/clearing/identity"
)

// Kind is a kind of finding. The numbers are stored.
type Kind int16

// The kinds of finding; see the package comment.
const (
	CounterGap Kind = iota + 1
	CounterTwice
	CounterImpossible
	LoadGap
	SAMGap
	SAMTwice
	Balance
	CounterJump
	SAMJump
)

// Kinds lists them all.
func Kinds() []Kind {
	return []Kind{CounterGap, CounterTwice, CounterJump, CounterImpossible, LoadGap, SAMGap, SAMTwice, SAMJump, Balance}
}

// String is the kind's name.
func (k Kind) String() string {
	switch k {
	case CounterGap:
		return "counter_gap"
	case CounterTwice:
		return "counter_twice"
	case CounterImpossible:
		return "counter_impossible"
	case LoadGap:
		return "load_gap"
	case SAMGap:
		return "sam_gap"
	case SAMTwice:
		return "sam_twice"
	case Balance:
		return "balance"
	case CounterJump:
		return "counter_jump"
	case SAMJump:
		return "sam_jump"
	}
	return fmt.Sprintf("finding %d", int16(k))
}

// Explain says in English and Chinese what a finding of the kind is.
func (k Kind) Explain() (english, chinese string) {
	switch k {
	case CounterGap:
		return "taps missing by the card's counter", "卡交易序号缺号"
	case CounterTwice:
		return "counter numbers claimed by two taps", "卡交易序号重复"
	case CounterImpossible:
		return "counter numbers that no card has", "卡交易序号超出范围"
	case LoadGap:
		return "loads missing by the card's counter", "圈存序号缺号"
	case SAMGap:
		return "taps missing by the SAM's sequence", "SAM 交易序号缺号"
	case SAMTwice:
		return "SAM numbers used by two cards", "SAM 交易序号重复"
	case CounterJump:
		return "counter numbers far from the card's others", "卡交易序号跳变"
	case SAMJump:
		return "SAM numbers far from the SAM's others", "SAM 交易序号跳变"
	case Balance:
		return "cards whose claimed balance changed against the ledger's", "卡内余额与账面余额差异变动"
	}
	return "", ""
}

// MarshalText writes the kind's name.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// ParseKind reads a kind's name.
func ParseKind(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("kind of finding %q: want one of %v", name, Kinds())
}

// Subject is a card (identity.Card, 12 bytes) or the number of a SAM (6 bytes).
type Subject []byte

const cardLength = len(identity.Card{})

// String returns all digits of a SAM's number, and the last four digits of a card's.
func (s Subject) String() string {
	if len(s) == cardLength {
		return tunion.Masked(s.Digits())
	}
	return s.Digits()
}

// Digits is the whole number, for who may see it.
func (s Subject) Digits() string { return hex.EncodeToString(s) }

// Finding is one thing that a pass found.
type Finding struct {
	Kind    Kind
	Subject Subject
	First   int64 // of the numbers
	Last    int64
	Fen     int64 // of a balance: the claimed amount less the expected one
}
