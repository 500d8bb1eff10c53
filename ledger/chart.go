package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// Chart is the chart of accounts as this process knows it. It follows the database: if a batch
// finds that the chart's version has changed, it first reads the changed accounts. It is safe for
// concurrent use.
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

// Version changes whenever an account changes.
func (c *Chart) Version() int64 { return c.known() }

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
	err := l.Look(ctx, func(tx pgx.Tx) error {
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
	if err != nil {
		return nil, fmt.Errorf("read the chart of accounts: %w", err)
	}
	return l.chart, nil
}

// OpenAccounts opens the accounts that are not open yet. An account that is open already must have
// the same kind, owner, shards and limits, else the error is ErrAccount and none is opened. Closed
// and frozen are not compared. If its cap and alarm were changed, either the current ones or the
// original ones will do.
func (l *Ledger) OpenAccounts(ctx context.Context, accounts []Account) error {
	wanted := slices.Clone(accounts)
	for i := range wanted {
		if err := validateAccount(&wanted[i]); err != nil {
			return err
		}
		wanted[i].ID = IDOfCode(wanted[i].Code)
		wanted[i].Shards = max(wanted[i].Shards, 1)
	}
	slices.SortFunc(wanted, func(a, b Account) int { return strings.Compare(a.Code, b.Code) })
	// A second attempt finds open what the first one opened.
	err := l.Change(ctx, "open accounts", func(tx pgx.Tx) error { return openAccounts(ctx, tx, wanted) })
	if err != nil {
		return err
	}
	_, err = l.Accounts(ctx)
	return err
}

func openAccounts(ctx context.Context, tx pgx.Tx, wanted []Account) error {
	version, err := lockChart(ctx, tx)
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
	var opening []Account
	for _, a := range wanted {
		if was, ok := seen[a.ID]; ok {
			same, err := openedAs(ctx, tx, was, a)
			if err != nil {
				return err
			}
			if !same {
				return language.Textf("account %q: %w: it is %v, not %v", a.Code, ErrAccount, was, a)
			}
			continue
		}
		seen[a.ID] = a
		opening = append(opening, a)
	}
	if len(opening) == 0 {
		return nil
	}
	return insertAccounts(ctx, tx, version+1, opening)
}

// insertAccounts opens accounts that are not there yet, under the chart's next version.
func insertAccounts(ctx context.Context, tx pgx.Tx, version int64, accounts []Account) error {
	slices.SortFunc(accounts, func(a, b Account) int { return cmp.Compare(a.ID, b.ID) })
	var tree chain.Tree
	batch := &pgx.Batch{}
	batch.Queue(setChartVersion, version)
	for _, a := range accounts {
		hash := a.OpeningHash()
		tree.Add(hash)
		batch.Queue(`INSERT INTO accounts (account, code, kind, owner, flags, shards, cap, alarm, version, opened, hash)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)`, a.ID, a.Code, a.Kind, a.Owner, a.Flags, a.Shards, a.Cap, a.Alarm, version, hash[:])
		// Every shard's row exists from the start, so that locking an account's rows locks all of
		// it.
		shards := make([]int32, a.Shards)
		for i := range shards {
			shards[i] = int32(i)
		}
		batch.Queue("INSERT INTO balances (account, shard, debits, credits) SELECT $1::INT8, s, 0, 0 FROM unnest($2::INT4[]) AS s", a.ID, shards)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return appendOwn(ctx, tx, chain.ActOpenAccounts, chain.AccountsOpened{Version: version, Accounts: len(accounts), Root: tree.Root()}, nil)
}

const setChartVersion = "UPDATE chart SET version = $1 WHERE one = 1"

// lockChart locks the chart's row, so that changes of the chart happen one after the other, and
// returns its version.
func lockChart(ctx context.Context, tx pgx.Tx) (version int64, err error) {
	err = tx.QueryRow(ctx, "SELECT version FROM chart WHERE one = 1 FOR UPDATE").Scan(&version)
	return version, err
}

// sameAccount compares what never changes.
func sameAccount(a, b Account) bool {
	const limits = DebitsMustNotExceedCredits | CreditsMustNotExceedDebits | MustReturnToZero
	return a.Code == b.Code && a.Kind == b.Kind && a.Owner == b.Owner && a.Shards == b.Shards && a.Flags&limits == b.Flags&limits
}

// ErrMarksMoved means that an account has other marks than those that were to be changed.
var ErrMarksMoved = language.Textf("the account has other marks by now")

// Marks are what an account shall be marked as. A closed account stays closed.
type Marks struct {
	Frozen, Closed bool
	// Before, where set, has the flags of the account that is to be marked. If it has others, the
	// error is ErrMarksMoved.
	Before *Flags
}

// MarkAccount freezes, unfreezes or closes an account. A closed account stays closed, its limits
// stay as they were opened. Who does it and why goes into the audit. Every batch that begins after
// MarkAccount returned obeys the new marks, in all processes. If the account has these marks
// already, nothing changes.
func (l *Ledger) MarkAccount(ctx context.Context, code string, marks Marks, by Approval) error {
	what := fmt.Sprintf("mark account %q", code)
	if err := by.Validate(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	err := l.Change(ctx, what, func(tx pgx.Tx) error { return markAccount(ctx, tx, code, marks, by) })
	if err != nil {
		return err
	}
	_, err = l.Accounts(ctx)
	return err
}

func markAccount(ctx context.Context, tx pgx.Tx, code string, marks Marks, by Approval) error {
	version, err := lockChart(ctx, tx)
	if err != nil {
		return err
	}
	mark := chain.AccountMarked{Account: code, Version: version + 1}
	err = tx.QueryRow(ctx, "SELECT flags FROM accounts WHERE account = $1 AND code = $2", IDOfCode(code), code).Scan(&mark.OldFlags)
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNoAccount
	}
	if err != nil {
		return err
	}
	mark.Flags = mark.OldFlags &^ Frozen
	if marks.Frozen {
		mark.Flags |= Frozen
	}
	if marks.Closed {
		mark.Flags |= Closed
	}
	switch {
	case mark.Flags == mark.OldFlags:
		return nil
	case marks.Before != nil && *marks.Before != mark.OldFlags:
		return ErrMarksMoved
	}
	batch := &pgx.Batch{}
	batch.Queue(setChartVersion, mark.Version)
	batch.Queue("UPDATE accounts SET flags = $2, version = $3 WHERE account = $1", IDOfCode(code), mark.Flags, mark.Version)
	if err = tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	return appendOwn(ctx, tx, chain.ActMarkAccount, mark, &by)
}
