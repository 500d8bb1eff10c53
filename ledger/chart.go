package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Chart is the chart of accounts as this process knows it. It follows the database: a batch that finds the chart's version
// changed reads the changed accounts before it goes on. It is safe for concurrent use.
type Chart struct {
	mu      sync.RWMutex
	version int64
	byID    map[AccountID]Account
}

func newChart() *Chart {
	return &Chart{version: -1, byID: make(map[AccountID]Account)}
}

// Account returns the account with the given code.
func (c *Chart) Account(code string) (Account, bool) {
	account, ok := c.ByID(IDOfCode(code))
	return account, ok && account.Code == code
}

// ByID returns the account with the given number.
func (c *Chart) ByID(id AccountID) (Account, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	account, ok := c.byID[id]
	return account, ok
}

// All returns all accounts, by code.
func (c *Chart) All() []Account {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]Account, 0, len(c.byID))
	for _, account := range c.byID {
		all = append(all, account)
	}
	slices.SortFunc(all, func(a, b Account) int { return strings.Compare(a.Code, b.Code) })
	return all
}

func (c *Chart) known() int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version
}

func (c *Chart) merge(version int64, accounts []Account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if version <= c.version {
		return
	}
	for _, account := range accounts {
		c.byID[account.ID] = account
	}
	c.version = version
}

const selectAccounts = "SELECT account, code, kind, owner, flags, shards, cap, alarm FROM accounts "

func collectAccounts(rows pgx.Rows) ([]Account, error) {
	return pgx.CollectRows(rows, scanAccount)
}

func scanAccount(row pgx.CollectableRow) (Account, error) {
	var a Account
	err := row.Scan(&a.ID, &a.Code, &a.Kind, &a.Owner, &a.Flags, &a.Shards, &a.Cap, &a.Alarm)
	return a, err
}

// Accounts brings the chart up to date and returns it. Later calls return the same chart.
func (l *Ledger) Accounts(ctx context.Context) (*Chart, error) {
	err := l.run(ctx, func(ctx context.Context) error {
		return l.inTx(ctx, readOnly, func(tx pgx.Tx) error {
			var version int64
			if err := tx.QueryRow(ctx, "SELECT version FROM chart WHERE one = 1").Scan(&version); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, selectAccounts+"WHERE version > $1", l.chart.known())
			if err != nil {
				return err
			}
			accounts, err := collectAccounts(rows)
			if err == nil {
				l.chart.merge(version, accounts)
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the chart of accounts: %w", err)
	}
	return l.chart, nil
}

// OpenAccounts opens the accounts that are not open yet. One that is open must have the same kind, owner, shards and limits
// (closed and frozen do not count; a cap and alarm that were changed may be those of now or those it was opened with), else the error is ErrAccount
// and none is opened.
func (l *Ledger) OpenAccounts(ctx context.Context, accounts []Account) error {
	wanted := slices.Clone(accounts)
	for i := range wanted {
		if err := wanted[i].validate(); err != nil {
			return err
		}
		wanted[i].ID = IDOfCode(wanted[i].Code)
		wanted[i].Shards = max(wanted[i].Shards, 1)
	}
	slices.SortFunc(wanted, func(a, b Account) int { return strings.Compare(a.Code, b.Code) })
	err := l.run(ctx, func(ctx context.Context) error {
		return l.inTx(ctx, control, func(tx pgx.Tx) error { return openAccounts(ctx, tx, wanted) })
	})
	// An outcome that stayed open needs no settling: opening again finds the accounts open.
	if err != nil && errors.Is(err, ErrOutcomeUnknown) {
		err = l.run(ctx, func(ctx context.Context) error {
			return l.inTx(ctx, control, func(tx pgx.Tx) error { return openAccounts(ctx, tx, wanted) })
		})
	}
	if err != nil {
		return fmt.Errorf("open accounts: %w", err)
	}
	_, err = l.Accounts(ctx)
	return err
}

func openAccounts(ctx context.Context, tx pgx.Tx, wanted []Account) error {
	// The chart's row is locked first, so that changes of the chart happen one after the other.
	version, err := nextChartVersion(ctx, tx)
	if err != nil {
		return err
	}
	ids := make([]int64, len(wanted))
	for i, account := range wanted {
		ids[i] = int64(account.ID)
	}
	rows, err := tx.Query(ctx, selectAccounts+"WHERE account = ANY($1)", ids)
	if err != nil {
		return err
	}
	open, err := collectAccounts(rows)
	if err != nil {
		return err
	}
	seen := make(map[AccountID]Account, len(open)+len(wanted))
	for _, account := range open {
		seen[account.ID] = account
	}
	batch := &pgx.Batch{}
	for _, a := range wanted {
		if was, ok := seen[a.ID]; ok {
			same, err := openedAs(ctx, tx, was, a)
			if err != nil {
				return err
			}
			if !same {
				return fmt.Errorf("account %q: %w: it is %v, not %v", a.Code, ErrAccount, was, a)
			}
			continue
		}
		seen[a.ID] = a
		batch.Queue("INSERT INTO accounts (account, code, kind, owner, flags, shards, cap, alarm, version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
			a.ID, a.Code, a.Kind, a.Owner, a.Flags, a.Shards, a.Cap, a.Alarm, version)
		// Every shard's row exists from the start, so that locking an account's rows locks all of it.
		shards := make([]int32, a.Shards)
		for i := range shards {
			shards[i] = int32(i)
		}
		batch.Queue("INSERT INTO balances (account, shard, debits, credits) SELECT $1::INT8, s, 0, 0 FROM unnest($2::INT4[]) AS s", a.ID, shards)
	}
	if batch.Len() == 0 {
		return nil
	}
	return tx.SendBatch(ctx, batch).Close()
}

func nextChartVersion(ctx context.Context, tx pgx.Tx) (version int64, err error) {
	err = tx.QueryRow(ctx, "UPDATE chart SET version = version + 1 WHERE one = 1 RETURNING version").Scan(&version)
	return version, err
}

// sameAccount compares what never changes.
func sameAccount(a, b Account) bool {
	const limits = DebitsMustNotExceedCredits | CreditsMustNotExceedDebits | MustReturnToZero
	return a.Code == b.Code && a.Kind == b.Kind && a.Owner == b.Owner && a.Shards == b.Shards && a.Flags&limits == b.Flags&limits
}

// MarkAccount freezes, unfreezes or closes an account. A closed account stays closed, its limits stay as they were opened.
// Every batch that begins after MarkAccount returned obeys the new marks, in all processes.
func (l *Ledger) MarkAccount(ctx context.Context, code string, frozen, closed bool) error {
	var marks Flags
	if frozen {
		marks |= Frozen
	}
	if closed {
		marks |= Closed
	}
	err := l.run(ctx, func(ctx context.Context) error {
		return l.inTx(ctx, control, func(tx pgx.Tx) error {
			version, err := nextChartVersion(ctx, tx)
			if err != nil {
				return err
			}
			tag, err := tx.Exec(ctx, "UPDATE accounts SET flags = (flags & $2) | $3, version = $4 WHERE account = $1 AND code = $5",
				IDOfCode(code), allFlags&^Frozen, marks, version, code)
			if err == nil && tag.RowsAffected() == 0 {
				err = ErrNoAccount
			}
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("mark account %q: %w", code, err)
	}
	_, err = l.Accounts(ctx)
	return err
}
