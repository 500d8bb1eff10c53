package verify

import (
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
)

// chartHistory is the chart of accounts as the audit tells it.
type chartHistory struct {
	version  int64              // after the last change
	ended    bool               // the books told where chart and audit end
	openings map[int64]*opening // by the version that they made
	accounts map[string]*accountHistory
}

// opening is accounts that were opened together: what the audit says of them, and the tree over
// those that are there.
type opening struct {
	chain.AccountsOpened
	entry int64
	there int
	tree  chain.Tree
}

// accountHistory is how far the changes of one account have come since it was opened.
type accountHistory struct {
	version int64 // that the last change made
	marked  bool
	opened  ledger.Flags // before the first mark
	flags   ledger.Flags // since the last
	limits  *limitHistory
	seen    bool
}

func newChartHistory() chartHistory {
	return chartHistory{openings: make(map[int64]*opening), accounts: make(map[string]*accountHistory)}
}

func (h *chartHistory) account(code string) *accountHistory {
	a := h.accounts[code]
	if a == nil {
		a = &accountHistory{}
		h.accounts[code] = a
	}
	return a
}

// changeChart follows one entry of the audit that changes the chart.
func (b *books) changeChart(e *chain.AuditEntry) {
	where := fmt.Sprintf("audit entry %d", e.Number)
	var version int64
	var err error
	switch e.Act {
	case chain.ActOpenAccounts:
		o := &opening{entry: e.Number}
		if o.AccountsOpened, err = e.AccountsOpened(); err == nil {
			version, b.chart.openings[o.Version] = o.Version, o
		}
	case chain.ActMarkAccount:
		var mark chain.AccountMarked
		if mark, err = e.AccountMarked(); err == nil {
			version = mark.Version
			b.changeMarks(where, mark)
		}
	case chain.ActChangeLimit:
		var change chain.LimitChange
		if change, err = e.LimitChange(); err == nil {
			version = change.Version
			b.changeLimit(where, change)
		}
	}
	if err != nil {
		b.fault(AccountHistory, "the audit", "%v", err)
		return
	}
	if version != b.chart.version+1 {
		b.fault(ChartVersion, where, "it makes version %d, the change before it %d", version, b.chart.version)
	}
	b.chart.version = version
}

func (b *books) changeMarks(where string, mark chain.AccountMarked) {
	h := b.chart.account(mark.Account)
	if h.marked && h.flags != mark.OldFlags {
		b.fault(AccountHistory, where, "it marks account %s, which was %q; the entry before left it %q", mark.Account, mark.OldFlags, h.flags)
	}
	if !h.marked {
		h.marked, h.opened = true, mark.OldFlags
	}
	h.version, h.flags = mark.Version, mark.Flags
}

// account compares an account with its opening and its changes. The tree takes the hashes that are
// stored, which keeps an account that was changed from being reported twice. Accounts come in the
// order of their openings and numbers.
func (b *books) account(line *export.Account) {
	a := line.Chart()
	where := "account " + a.Code
	b.accounts[a.ID], b.unseen[a.ID] = &a, &a
	b.summary.Accounts++
	if want := ledger.IDOfCode(a.Code); a.ID != want {
		b.fault(AccountNumber, where, "its number is %d, expected %d", a.ID, want)
	}
	first, version := a, line.Opened
	if h := b.chart.accounts[a.Code]; h != nil {
		h.seen, version = true, h.version
		if h.marked {
			first.Flags = h.opened
			if a.Flags != h.flags {
				b.fault(AccountHistory, where, "its flags are %q; its last mark left %q", a.Flags, h.flags)
			}
		}
		if h.limits != nil {
			first.Cap, first.Alarm = h.limits.first.OldCap, h.limits.first.OldAlarm
			if last := h.limits.last; last.Cap != a.Cap || last.Alarm != a.Alarm {
				b.fault(CapHistory, where, "cap %d, alarm %d; its last change left cap %d, alarm %d", int64(a.Cap), int64(a.Alarm),
					int64(last.Cap), int64(last.Alarm))
			}
		}
	}
	if want := first.OpeningHash(); want != line.Hash {
		b.fault(AccountOpening, where, "opened as %s account of %q with flags %q, %d shards, cap %d, alarm %d it has the hash %x, and it says %x",
			first.Kind, first.Owner, first.Flags, first.Shards, int64(first.Cap), int64(first.Alarm), want, line.Hash)
	}
	if line.Version != version {
		b.fault(AccountHistory, where, "its version is %d; its last change made %d", line.Version, version)
	}
	o := b.chart.openings[line.Opened]
	if o == nil {
		b.fault(AccountOpening, where, "no entry of the audit opens accounts in version %d", line.Opened)
		return
	}
	o.there++
	o.tree.Add(line.Hash)
}

// endChart reports what the audit opened or changed and is not there.
func (b *books) endChart() {
	if !b.chart.ended {
		b.fault(ChartVersion, "the chart", "its version and the end of the audit are not there")
	}
	for _, o := range b.chart.openings {
		where := fmt.Sprintf("accounts opened in version %d by audit entry %d", o.Version, o.entry)
		root := o.tree.Root()
		switch {
		case o.there != o.Accounts:
			b.fault(AccountOpening, where, "there are %d, it opened %d", o.there, o.Accounts)
		case root != o.Root:
			b.fault(AccountOpening, where, "their root is %x, it says %x", root, o.Root)
		}
	}
	for code, h := range b.chart.accounts {
		if !h.seen {
			b.fault(AccountHistory, "account "+code, "it was changed, and there is no such account")
		}
	}
}

// chartEnds compares the chart's version with the last change.
func (b *books) chartEnds(version int64) {
	b.chart.ended = true
	if version != b.chart.version {
		b.fault(ChartVersion, "the chart", "its version is %d, its last change made %d", version, b.chart.version)
	}
}

// limit holds what an account has against its limits.
func (b *books) limit(a *ledger.Account, sums ledger.Sums) {
	where := "account " + a.Code
	limit := b.allowance(a)
	if a.Flags&ledger.DebitsMustNotExceedCredits != 0 && plus(sums.Debits, sums.DebitsHeld) > plus(sums.Credits, limit) {
		b.fault(LimitBroken, where, "debits %d and holds %d exceed credits %d and cap %d", int64(sums.Debits), int64(sums.DebitsHeld),
			int64(sums.Credits), int64(limit))
	}
	if a.Flags&ledger.CreditsMustNotExceedDebits != 0 && plus(sums.Credits, sums.CreditsHeld) > sums.Debits {
		b.fault(LimitBroken, where, "credits %d and holds %d exceed debits %d", int64(sums.Credits), int64(sums.CreditsHeld), int64(sums.Debits))
	}
}
