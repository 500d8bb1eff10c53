package verify

import (
	"citycard/ledger"
	"citycard/ledger/chain"
)

// limitHistory is how far the changes of one account's limit have come.
type limitHistory struct {
	first, last chain.LimitChange
	// allowed is the most that the account can have used since the change: its cap, or, if the cap
	// was set below what was used, the amount used then. From there the use can only go down.
	allowed ledger.Fen
}

// changeLimit follows one change: it must start from where the one before ended, and find no more
// used than was allowed.
func (b *books) changeLimit(where string, change chain.LimitChange) {
	account := b.chart.account(change.Account)
	account.version = change.Version
	h := account.limits
	if h == nil {
		h = &limitHistory{first: change, allowed: change.OldCap}
		account.limits = h
	} else if h.last.Cap != change.OldCap || h.last.Alarm != change.OldAlarm {
		b.fault(CapHistory, where, "it changes account %s from cap %d, alarm %d; the entry before left cap %d, alarm %d", change.Account,
			int64(change.OldCap), int64(change.OldAlarm), int64(h.last.Cap), int64(h.last.Alarm))
	}
	if change.Used > h.allowed {
		b.fault(LimitBroken, where, "account %s had used %d, %d was allowed", change.Account, int64(change.Used), int64(h.allowed))
	}
	h.last, h.allowed = change, max(change.Cap, change.Used)
}

// allowance returns the most that an account may have used.
func (b *books) allowance(a *ledger.Account) ledger.Fen {
	if account := b.chart.accounts[a.Code]; account != nil && account.limits != nil {
		return account.limits.allowed
	}
	return a.Cap
}
