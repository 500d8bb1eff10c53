package ledger

import (
	"fmt"
	"unicode/utf8"

	"citycard/ledger/chain"
)

// validateAccount says what is wrong with an account that is to be opened.
func validateAccount(a *Account) error {
	switch {
	case !text(a.Code, 1, 128):
		return fmt.Errorf("account %q: its code must be 1 to 128 bytes of UTF-8 without zero bytes", a.Code)
	case !text(a.Owner, 0, 128):
		return fmt.Errorf("account %q: its owner must be at most 128 bytes of UTF-8 without zero bytes", a.Code)
	case a.Kind != Asset && a.Kind != Liability && a.Kind != Income && a.Kind != Expense:
		return fmt.Errorf("account %q: kind %q is none of asset, liability, income, expense", a.Code, a.Kind)
	case a.Flags&^chain.AllFlags != 0:
		return fmt.Errorf("account %q: unknown flags %#x", a.Code, int32(a.Flags&^chain.AllFlags))
	case a.Shards < 0 || a.Shards > chain.MaxShards:
		return fmt.Errorf("account %q: %d shards, expected 0 to %d", a.Code, a.Shards, chain.MaxShards)
	case a.Shards > 1 && a.Flags&DebitsMustNotExceedCredits != 0 && a.Flags&CreditsMustNotExceedDebits != 0:
		return fmt.Errorf("account %q: limited both ways, so it must have one shard, not %d", a.Code, a.Shards)
	}
	if a.Cap < 0 || a.Cap > MaxAmount || a.Alarm < 0 || a.Alarm > a.Cap || a.Cap > 0 && a.Flags&DebitsMustNotExceedCredits == 0 {
		return fmt.Errorf("account %q: cap %d, alarm %d fen; expected 0 <= alarm <= cap, and a cap only where debits must not exceed credits",
			a.Code, int64(a.Cap), int64(a.Alarm))
	}
	return nil
}

// text reports whether s is valid UTF-8, of a length within the bounds, without a zero byte.
func text(s string, least, most int) bool {
	if len(s) < least || len(s) > most || !utf8.ValidString(s) {
		return false
	}
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return true
}
