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
	case chain.ActOpenAccounts, chain.ActMarkAccount, chain.ActChangeLimit, chain.ActOpenDay, chain.ActCloseDay, chain.ActEndDay, chain.ActReopenDay:
		return true
	}
	return false
}

const selectAudit = "SELECT number, at, act, what, first, second, reason, hash FROM audit "

func scanAudit(row pgx.Row) (chain.AuditEntry, error) {
	var e chain.AuditEntry
	var at int64
	err := row.Scan(&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &e.Hash)
	e.At = time.Unix(at, 0)
	return e, err
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
	if e.At.IsZero() {
		e.At = time.Unix(now, 0)
	}
	if year := e.At.UTC().Year(); year < 0 || year > 9999 { // an export could not say it
		return &BatchError{What: language.Textf("a time in the year %d: expected one of four digits", year)}
	}
	e.Hash = e.HashAfter(chain.Hash(previous))
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO audit (number, at, act, what, first, second, reason, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		e.Number, e.At.Unix(), e.Act, e.What, e.First, e.Second, e.Reason, e.Hash[:])
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

// Approval names the two people who approve an act that takes two, and their reason.
type Approval struct {
	First, Second string // who asks and who agrees, by the names they are known by (Person)
	Reason        string // 1 to 1024 bytes
	At            time.Time
}

// Validate says what is missing of an approval, as a *BatchError.
func (a *Approval) Validate() error {
	if _, _, err := a.people(); err != nil {
		return &BatchError{What: language.Textf("%w", err)}
	}
	switch {
	case SamePerson(a.First, a.Second):
		return &BatchError{What: language.Textf("it takes two people, not twice the same: %q and %q", a.First, a.Second)}
	case !text(a.Reason, 1, MaxReason):
		return &BatchError{What: language.Textf("its reason must have 1 to %d bytes of UTF-8", MaxReason)}
	case a.At.IsZero():
		return &BatchError{What: language.Textf("its time is missing")}
	}
	return nil
}

// people gives both names as they are kept.
func (a *Approval) people() (first, second string, err error) {
	if first, err = Person(a.First); err != nil {
		return "", "", language.Textf("who asks for it: %w", err)
	}
	if second, err = Person(a.Second); err != nil {
		return "", "", language.Textf("who agrees: %w", err)
	}
	return first, second, nil
}

// ValidateAlone says what is wrong with the approval of an act that takes no second person, as a
// *BatchError.
func (a *Approval) ValidateAlone() error {
	_, err := a.alone()
	return err
}

// alone gives the one person's name as it is kept; it is empty if the program itself acts.
func (a *Approval) alone() (first string, err error) {
	if a.First != "" {
		if first, err = Person(a.First); err != nil {
			return "", &BatchError{What: language.Textf("%w", err)}
		}
	}
	if a.Second != "" || !text(a.Reason, 0, MaxReason) {
		return "", &BatchError{What: language.Textf("it takes one person at most, and a reason of at most %d bytes of UTF-8", MaxReason)}
	}
	return first, nil
}

// Approve writes an act of the caller's own into the audit, inside the transaction that does it
// (Batch.Finish).
func Approve(ctx context.Context, tx pgx.Tx, act, what string, by Approval) error {
	if err := by.Validate(); err != nil {
		return err
	}
	if err := callersAct(act, what); err != nil {
		return err
	}
	return appendApproved(ctx, tx, act, what, &by)
}

func callersAct(act, what string) error {
	if ownAct(act) || !text(act, 1, MaxKind) || !text(what, 1, MaxReason) {
		return &BatchError{What: language.Textf("act %q, %d bytes about it: not a caller's act", act, len(what))}
	}
	return nil
}

// Record writes a caller's act that takes no second person into the audit, inside the transaction
// that does it. The seals of days cover the audit. by.First did it, or the program itself where
// by.First is empty. Without a time it gets the database's time.
func Record(ctx context.Context, tx pgx.Tx, act, what string, by Approval) error {
	if err := callersAct(act, what); err != nil {
		return err
	}
	first, err := by.alone()
	if err != nil {
		return fmt.Errorf("act %q: %w", act, err)
	}
	return appendAudit(ctx, tx, chain.AuditEntry{At: by.At.Truncate(time.Second), Act: act, What: what, First: first, Reason: by.Reason})
}

// appendApproved stores the audit's entry of an approved act.
func appendApproved(ctx context.Context, tx pgx.Tx, act, what string, by *Approval) error {
	first, second, err := by.people()
	if err != nil {
		return err
	}
	return appendAudit(ctx, tx, chain.AuditEntry{At: by.At.Truncate(time.Second), Act: act, What: what, First: first, Second: second, Reason: by.Reason})
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
