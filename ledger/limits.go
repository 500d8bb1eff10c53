package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// standing is what a locked account holds, as the batch is decided.
type standing struct {
	account Account
	Sums
	// before is what it held as the batch began.
	before Sums
}

// canDebit returns how much may still be debited to an account limited on that side.
func (s *standing) canDebit() Fen { return s.Available() + s.account.Cap }

// canCredit returns how much may still be credited to an account limited on that side.
func (s *standing) canCredit() Fen { return s.Debits - s.Credits - s.CreditsHeld }

// effect is what a row does to its two accounts.
type effect struct {
	debit, credit AccountID
	moved, held   Fen // held is below zero for what ends a hold
}

func effectOf(r *newRow) effect {
	e := effect{debit: r.Debit, credit: r.Credit, moved: r.Moved()}
	switch {
	case r.Act == Hold:
		e.held = r.Amount
	case r.ends != nil:
		e.held = -r.ends.Amount
	}
	return e
}

// limits holds the locked accounts of one batch, and the effects applied to them since the last
// mark, so that a chain can be undone.
type limits struct {
	accounts map[AccountID]*standing
	applied  []effect
}

func (l *limits) mark() { l.applied = l.applied[:0] }

func (l *limits) apply(e effect) {
	if len(l.accounts) == 0 {
		return
	}
	l.add(e)
	l.applied = append(l.applied, e)
}

func (l *limits) undo() {
	for _, e := range l.applied {
		e.moved, e.held = -e.moved, -e.held
		l.add(e)
	}
	l.mark()
}

func (l *limits) add(e effect) {
	if s := l.accounts[e.debit]; s != nil {
		s.AddDebit(e.moved, e.held)
	}
	if s := l.accounts[e.credit]; s != nil {
		s.AddCredit(e.moved, e.held)
	}
}

// alarms lists, in the order of their codes, the accounts that this batch brought to their alarm
// level.
func (l *limits) alarms() []Alarm {
	var alarms []Alarm
	for _, s := range l.accounts {
		level := s.account.Alarm
		if level > 0 && -s.before.Available() < level && -s.Available() >= level {
			alarms = append(alarms, Alarm{s.account, -s.Available()})
		}
	}
	slices.SortFunc(alarms, func(a, b Alarm) int { return strings.Compare(a.Account.Code, b.Account.Code) })
	return alarms
}

// refuse says which limit the transfer would break; 0 is none.
func (l *limits) refuse(t *Transfer) Reason {
	if debit := l.accounts[t.Debit]; debit != nil && debit.account.Flags&DebitsMustNotExceedCredits != 0 {
		if t.Amount > debit.canDebit() || t.DebitCap != nil && t.Amount > debit.Available()+*t.DebitCap {
			return ExceedsCredits
		}
	}
	if credit := l.accounts[t.Credit]; credit != nil && credit.account.Flags&CreditsMustNotExceedDebits != 0 && t.Amount > credit.canCredit() {
		return ExceedsDebits
	}
	return 0
}

// lockLimits locks all shards of the accounts whose limits the batch may meet, in the order of
// (account, shard), and reads what they hold. An account whose debits are limited is locked for a
// debit, not for a credit: a credit can only help.
func (p *post) lockLimits(ctx context.Context, tx pgx.Tx) (*limits, error) {
	l := &limits{}
	ids := p.limitedAccounts()
	if len(ids) == 0 {
		return l, nil
	}
	l.accounts = make(map[AccountID]*standing, len(ids))
	for _, id := range ids {
		account, _ := p.ledger.chart.ByID(AccountID(id))
		l.accounts[account.ID] = &standing{account: account}
	}
	rows, err := tx.Query(ctx, "SELECT account, debits, credits, debits_held, credits_held FROM balances WHERE account = ANY($1) ORDER BY account, shard FOR UPDATE", ids)
	if err != nil {
		return nil, fmt.Errorf("lock limited accounts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id AccountID
		var sums Sums
		if err = rows.Scan(&id, &sums.Debits, &sums.Credits, &sums.DebitsHeld, &sums.CreditsHeld); err != nil {
			return nil, fmt.Errorf("lock limited accounts: %w", err)
		}
		s := l.accounts[id]
		s.AddDebit(sums.Debits, sums.DebitsHeld)
		s.AddCredit(sums.Credits, sums.CreditsHeld)
		s.before = s.Sums
	}
	if err = rows.Err(); err != nil {
		return nil, fmt.Errorf("lock limited accounts: %w", err)
	}
	return l, nil
}

func (p *post) limitedAccounts() []int64 {
	chart, transfers := p.ledger.chart, p.batch.Transfers
	var ids []int64
	last := Account{}
	lookup := func(id AccountID) Account {
		if last.ID != id {
			last, _ = chart.ByID(id)
		}
		return last
	}
	for i := range transfers {
		t := &transfers[i]
		debit, credit := p.sides(t)
		if a := lookup(debit); a.Code != "" && a.Flags&DebitsMustNotExceedCredits != 0 {
			ids = append(ids, int64(a.ID))
		}
		if a := lookup(credit); a.Code != "" && a.Flags&CreditsMustNotExceedDebits != 0 {
			ids = append(ids, int64(a.ID))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// sides returns the accounts whose limits a transfer may break. A transfer that ends a hold can
// break none: the hold was checked against them.
func (p *post) sides(t *Transfer) (debit, credit AccountID) {
	if !t.Act.OnEarlier() {
		return t.Debit, t.Credit
	}
	if was := p.known[t.target()]; t.Act == Reverse && was != nil {
		return was.Credit, was.Debit
	}
	return 0, 0
}
