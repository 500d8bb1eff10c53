package ledger

import (
	"context"
	"errors"
	"fmt"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// ErrLimit means that an account has used more than its new cap would allow.
var ErrLimit = language.Textf("the account has used more than the new cap")

// ErrLimitMoved means that an account has another limit than the one that was to be changed.
var ErrLimitMoved = language.Textf("the account has another limit by now")

// Limit is what an account's cap and alarm level shall be from now on; see Account.
type Limit struct {
	Cap, Alarm Fen
	// BelowUsed allows a cap below what the account has used already. Nothing that was booked
	// changes. The account takes no debit and no hold until its use is below the cap again.
	BelowUsed bool
	// Before, where set, has the cap and the alarm level that are to be changed. If the account has
	// others by now, the error is ErrLimitMoved.
	Before *Limit
}

// ChangeLimit changes the cap and alarm level of an account whose debits must not exceed its
// credits. The audit keeps who does it and why, and what the account had used at the time. The
// caller makes sure that the two are different people, and who they are. The error is ErrNoAccount,
// ErrLimit (a cap below what is used, without BelowUsed), ErrLimitMoved or a *BatchError. If the
// account has this limit already, nothing changes.
//
// Each batch is decided wholly under the old limit or wholly under the new one: the change writes
// all of the account's rows. So it waits for a batch that has locked them, and a batch that began
// before and has not locked them yet is decided again.
func (l *Ledger) ChangeLimit(ctx context.Context, code string, limit Limit, by Approval) (chain.LimitChange, error) {
	change := chain.LimitChange{Account: code, Cap: limit.Cap, Alarm: limit.Alarm}
	what := fmt.Sprintf("change the limit of account %q", code)
	if err := by.Validate(); err != nil {
		return change, fmt.Errorf("%s: %w", what, err)
	}
	err := l.Change(ctx, what, func(tx pgx.Tx) error {
		return changeLimit(ctx, tx, &change, limit, by)
	})
	if err != nil {
		return change, err
	}
	_, err = l.Accounts(ctx)
	return change, err
}

func changeLimit(ctx context.Context, tx pgx.Tx, change *chain.LimitChange, limit Limit, by Approval) error {
	version, err := lockChart(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, selectAccounts+"WHERE account = $1 AND code = $2", IDOfCode(change.Account), change.Account)
	if err != nil {
		return err
	}
	account, err := pgx.CollectExactlyOneRow(rows, scanAccount)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNoAccount
	}
	if err != nil {
		return err
	}
	change.OldCap, change.OldAlarm = account.Cap, account.Alarm
	account.Cap, account.Alarm = change.Cap, change.Alarm
	if err = validateAccount(&account); err != nil {
		return &BatchError{What: language.Textf("%w", err)}
	}
	if account.Flags&DebitsMustNotExceedCredits == 0 {
		return &BatchError{What: language.Textf("account %q has no limit that a cap could widen", account.Code)}
	}
	used, err := takeAccount(ctx, tx, account.ID)
	if err != nil {
		return err
	}
	change.Used = max(used, 0)
	if change.Cap == change.OldCap && change.Alarm == change.OldAlarm {
		return nil
	}
	if b := limit.Before; b != nil && (b.Cap != change.OldCap || b.Alarm != change.OldAlarm) {
		return ErrLimitMoved
	}
	if change.Used > change.Cap && change.Cap < change.OldCap && !limit.BelowUsed {
		return language.Textf("%w: %v of %v yuan", ErrLimit, change.Used, change.Cap)
	}
	change.Version = version + 1
	batch := &pgx.Batch{}
	batch.Queue(setChartVersion, change.Version)
	batch.Queue("UPDATE accounts SET cap = $2, alarm = $3, version = $4 WHERE account = $1", account.ID, account.Cap, account.Alarm, change.Version)
	if err = tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return appendOwn(ctx, tx, chain.ActChangeLimit, change, &by)
}

// takeAccount locks all shards of an account, in order as batches do, and returns what is used of
// its limit. It also writes them, unchanged. Otherwise, on PostgreSQL, a batch that began before
// and waits for the lock would get it, and go on with the chart that it has read.
func takeAccount(ctx context.Context, tx pgx.Tx, account AccountID) (Fen, error) {
	rows, err := tx.Query(ctx, "SELECT debits + debits_held - credits FROM balances WHERE account = $1 ORDER BY shard FOR UPDATE", account)
	if err != nil {
		return 0, err
	}
	shards, err := pgx.CollectRows(rows, pgx.RowTo[Fen])
	if err != nil {
		return 0, err
	}
	var used Fen
	for _, fen := range shards {
		used += fen
	}
	_, err = tx.Exec(ctx, "UPDATE balances SET debits = debits + 0 WHERE account = $1", account)
	return used, err
}

// openedAs reports whether an open account is the one wanted: as it is now, or as it was before its
// limit was first changed.
func openedAs(ctx context.Context, tx pgx.Tx, is, wanted Account) (bool, error) {
	if !sameAccount(is, wanted) || is.Cap == wanted.Cap && is.Alarm == wanted.Alarm {
		return sameAccount(is, wanted), nil
	}
	entries, err := AuditIn(ctx, tx, chain.ActChangeLimit)
	if err != nil {
		return false, err
	}
	for i := range entries {
		change, err := entries[i].LimitChange()
		if err != nil {
			return false, err
		}
		if change.Account == is.Code {
			return change.OldCap == wanted.Cap && change.OldAlarm == wanted.Alarm, nil
		}
	}
	return false, nil
}
