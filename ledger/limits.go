package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// standing is what a locked account holds, as the batch is decided.
type standing struct {
	flags           Flags
	debits, credits Fen
}

// canDebit returns how much may still be debited for a transfer that must find it there.
func (s *standing) canDebit() Fen { return s.credits - s.debits }

// canCredit returns how much may still be credited to an account limited on that side.
func (s *standing) canCredit() Fen { return s.debits - s.credits }

// limits holds the locked accounts of one batch, and what was applied to them since the last mark, so that a chain can be taken back.
type limits struct {
	accounts map[AccountID]*standing
	applied  []appliedAmount
}

type appliedAmount struct {
	debit, credit AccountID
	amount        Fen
}

func (l *limits) mark() { l.applied = l.applied[:0] }

func (l *limits) apply(debit, credit AccountID, amount Fen) {
	if len(l.accounts) == 0 {
		return
	}
	l.add(debit, credit, amount)
	l.applied = append(l.applied, appliedAmount{debit, credit, amount})
}

func (l *limits) undo() {
	for _, a := range l.applied {
		l.add(a.debit, a.credit, -a.amount)
	}
	l.mark()
}

func (l *limits) add(debit, credit AccountID, amount Fen) {
	if s := l.accounts[debit]; s != nil {
		s.debits += amount
	}
	if s := l.accounts[credit]; s != nil {
		s.credits += amount
	}
}

// allowed returns the amount the transfer may move (less than its own only for UpTo), or why it may not.
func (l *limits) allowed(t *Transfer) (Fen, Reason) {
	amount := t.Amount
	debit, credit := l.accounts[t.Debit], l.accounts[t.Credit]
	creditLimited := credit != nil && credit.flags&CreditsMustNotExceedDebits != 0
	if t.UpTo {
		if debit == nil {
			return 0, NothingAvailable
		}
		amount = min(amount, debit.canDebit())
		if creditLimited {
			amount = min(amount, credit.canCredit())
		}
		if amount <= 0 {
			return 0, NothingAvailable
		}
		return amount, 0
	}
	if debit != nil && debit.flags&DebitsMustNotExceedCredits != 0 && amount > debit.canDebit() {
		return 0, ExceedsCredits
	}
	if creditLimited && amount > credit.canCredit() {
		return 0, ExceedsDebits
	}
	return amount, 0
}

// lockLimits locks all shards of the accounts whose limits the batch may meet, in the order of (account, shard), and reads
// what they hold. Debits of an account limited in debits are locked, credits to it are not: they can only help.
func lockLimits(ctx context.Context, tx pgx.Tx, chart *Chart, transfers []Transfer) (*limits, error) {
	l := &limits{}
	ids := limitedAccounts(chart, transfers)
	if len(ids) == 0 {
		return l, nil
	}
	l.accounts = make(map[AccountID]*standing, len(ids))
	for _, id := range ids {
		account, _ := chart.ByID(AccountID(id))
		l.accounts[account.ID] = &standing{flags: account.Flags}
	}
	rows, err := tx.Query(ctx, "SELECT account, debits, credits FROM balances WHERE account = ANY($1) ORDER BY account, shard FOR UPDATE", ids)
	if err != nil {
		return nil, fmt.Errorf("lock limited accounts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id AccountID
		var debits, credits Fen
		if err = rows.Scan(&id, &debits, &credits); err != nil {
			return nil, fmt.Errorf("lock limited accounts: %w", err)
		}
		l.accounts[id].debits += debits
		l.accounts[id].credits += credits
	}
	if err = rows.Err(); err != nil {
		return nil, fmt.Errorf("lock limited accounts: %w", err)
	}
	return l, nil
}

func limitedAccounts(chart *Chart, transfers []Transfer) []int64 {
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
		if a := lookup(t.Debit); a.Code != "" && (t.UpTo || a.Flags&DebitsMustNotExceedCredits != 0) {
			ids = append(ids, int64(a.ID))
		}
		if a := lookup(t.Credit); a.Code != "" && a.Flags&CreditsMustNotExceedDebits != 0 {
			ids = append(ids, int64(a.ID))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
