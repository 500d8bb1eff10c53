package verify

import (
	"fmt"

	"citycard/ledger"
)

// capHistory is how far the changes of one account's limit have come.
type capHistory struct {
	last ledger.LimitChange
	// allowed is the most that the account can have used since: its cap, or, where that was set below what was used, what was used then. From
	// there it can only come down.
	allowed ledger.Fen
}

// changeCap follows one change: it must start from where the one before ended, and find no more used than was allowed.
func (b *books) changeCap(e *ledger.AuditEntry) {
	where := fmt.Sprintf("audit entry %d", e.Number)
	change, err := e.LimitChange()
	if err != nil {
		b.fault(CapHistory, where, "%v", err)
		return
	}
	h := b.caps[change.Account]
	if h == nil {
		h = &capHistory{allowed: change.OldCap}
		b.caps[change.Account] = h
	} else if h.last.Cap != change.OldCap || h.last.Alarm != change.OldAlarm {
		b.fault(CapHistory, where, "it changes account %s from cap %d, alarm %d; the entry before left cap %d, alarm %d", change.Account,
			int64(change.OldCap), int64(change.OldAlarm), int64(h.last.Cap), int64(h.last.Alarm))
	}
	if change.Used > h.allowed {
		b.fault(LimitBroken, where, "account %s had used %d, %d was allowed", change.Account, int64(change.Used), int64(h.allowed))
	}
	h.last, h.allowed = change, max(change.Cap, change.Used)
}

// allowance returns the most that an account may have used, and checks that its limit is where its changes left it.
func (b *books) allowance(a ledger.Account) ledger.Fen {
	h := b.caps[a.Code]
	if h == nil {
		return a.Cap
	}
	delete(b.caps, a.Code)
	if h.last.Cap != a.Cap || h.last.Alarm != a.Alarm {
		b.fault(CapHistory, "account "+a.Code, "cap %d, alarm %d; its last change left cap %d, alarm %d", int64(a.Cap), int64(a.Alarm),
			int64(h.last.Cap), int64(h.last.Alarm))
	}
	return h.allowed
}

// capsWithoutAccount names what changes are left when all accounts were seen.
func (b *books) capsWithoutAccount() {
	for code := range b.caps {
		b.fault(CapHistory, "account "+code, "its limit was changed, and there is no such account")
	}
}
