package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// ownAct reports whether an act is the ledger's own.
func ownAct(act string) bool {
	switch act {
	case chain.ActOpenAccounts, chain.ActMarkAccount, chain.ActChangeLimit, chain.ActOpenDay, chain.ActCloseDay, chain.ActEndDay, chain.ActReopenDay, chain.ActPinSealKey:
		return true
	}
	return false
}

const selectAudit = "SELECT number, at, act, what, first, second, reason, signed, hash FROM audit "

func scanAudit(row pgx.Row) (chain.AuditEntry, error) {
	var e chain.AuditEntry
	var at int64
	var signed string
	err := row.Scan(&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &signed, &e.Hash)
	e.At = time.Unix(at, 0)
	if err == nil {
		e.Signed, err = chain.ParseSignatures(signed)
	}
	return e, err
}

// ID returns the identity of the books, a random UUID that was made with their tables. The audit,
// and with it each seal, covers it.
func (l *Ledger) ID(ctx context.Context) (id string, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) error {
		id, err = IDIn(ctx, tx)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read the identity of the books: %w", err)
	}
	return id, nil
}

// IDIn is ID as a transaction sees it.
func IDIn(ctx context.Context, tx pgx.Tx) (id string, err error) {
	err = tx.QueryRow(ctx, "SELECT id::TEXT FROM books WHERE one = 1").Scan(&id)
	return id, err
}

// Audit lists the entries of some acts, oldest first; all entries where no act is named.
func (l *Ledger) Audit(ctx context.Context, acts ...string) (entries []chain.AuditEntry, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) error {
		entries, err = AuditIn(ctx, tx, acts...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	return entries, nil
}

// AuditIn is Audit as a transaction sees it.
func AuditIn(ctx context.Context, tx pgx.Tx, acts ...string) ([]chain.AuditEntry, error) {
	rows, err := tx.Query(ctx, selectAudit+"WHERE act = ANY($1::TEXT[]) OR $2 ORDER BY number", acts, len(acts) == 0)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (chain.AuditEntry, error) { return scanAudit(row) })
}

// appendAudit numbers, chains and stores an entry. Its transaction should take no other lock
// afterwards, because every other writer of the audit waits until it ends. An entry without a time
// gets the database's time.
func appendAudit(ctx context.Context, tx pgx.Tx, e chain.AuditEntry) error {
	var previous []byte
	var now int64
	err := tx.QueryRow(ctx, "UPDATE audit_end SET number = number + 1 WHERE one = 1 RETURNING number, hash, floor(extract(epoch FROM now()))::INT8").
		Scan(&e.Number, &previous, &now)
	if err != nil {
		return err
	}
	if len(previous) != len(chain.Hash{}) {
		return fmt.Errorf("the audit's last hash has %d bytes, expected %d", len(previous), len(chain.Hash{}))
	}
	if e.Number == 1 {
		id, err := IDIn(ctx, tx)
		if err != nil {
			return err
		}
		start := chain.AuditStart(id)
		previous = start[:]
	}
	if e.At.IsZero() {
		e.At = time.Unix(now, 0)
	}
	if year := e.At.UTC().Year(); year < 0 || year > 9999 { // an export could not say it
		return &BatchError{What: language.Textf("a time in the year %d: expected one of four digits", year)}
	}
	signed, err := chain.SignaturesText(e.Signed)
	if err != nil {
		return err
	}
	e.Hash = e.HashAfter(chain.Hash(previous))
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO audit (number, at, act, what, first, second, reason, signed, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		e.Number, e.At.Unix(), e.Act, e.What, e.First, e.Second, e.Reason, signed, e.Hash[:])
	batch.Queue("UPDATE audit_end SET hash = $1 WHERE one = 1", e.Hash[:])
	return tx.SendBatch(ctx, batch).Close()
}

// appendOwn stores the entry of one of the ledger's own acts. Where the act takes two people, by is
// their approval.
func appendOwn(ctx context.Context, tx pgx.Tx, act string, what any, by *Approval) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if by == nil {
		return appendAudit(ctx, tx, chain.AuditEntry{Act: act, What: string(text)})
	}
	return appendApproved(ctx, tx, act, string(text), by)
}

// ReopenDay makes a closed day open again, so that streams leased for it again (Lease with the day)
// can book in it, until CloseDay. Streams that left it stay where they are. The audit keeps who
// reopened it and why. A day that was reopened already is left as it is. The error is ErrDay for a
// day that was never closed, is closing or is sealed. The caller makes sure that the two are
// different people, and who they are.
func (l *Ledger) ReopenDay(ctx context.Context, day Day, by Approval) error {
	if err := by.Validate(); err != nil {
		return fmt.Errorf("reopen day %v: %w", day, err)
	}
	return l.Change(ctx, fmt.Sprintf("reopen day %v", day), func(tx pgx.Tx) error {
		status, err := LockDay(ctx, tx, day)
		switch {
		case err != nil:
			return err
		case status.State == DayOpen && status.Next != 0:
			return nil
		case status.State != DayClosed:
			return language.Textf("%w: it is %s, expected closed", ErrDay, status.State)
		}
		if _, err = tx.Exec(ctx, "UPDATE days SET state = 'open' WHERE day = $1", day); err != nil {
			return err
		}
		return appendOwn(ctx, tx, chain.ActReopenDay, chain.DayMoved{Day: day}, &by)
	})
}
