package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// Approval names the two people who approve an act that takes two, and their reason.
type Approval struct {
	First, Second string // who asks and who agrees, by the names they are known by (Person)
	Reason        string // 1 to 1024 bytes
	At            time.Time
	// Signed are their signatures, First's before Second's: one for each who is named, or none. The
	// audit keeps them, and does not check them.
	Signed []chain.Signature
	// Check, where set, decides inside the act's transaction whether the act may be done, after
	// everything else of it and before the audit has its entry. What it writes is in the commit of
	// the act; its error ends the transaction and comes back to the caller. It reads and writes on
	// tx alone, and must be quick: the act's rows are locked meanwhile. It is called again if the
	// transaction is tried again, which may happen after one whose outcome was not known: if it
	// finds that this was committed, its error is ErrRecorded. It is not called where the act finds
	// that there is nothing to be done. The audit must have just this entry then: otherwise that
	// error, which may say more, ends the transaction.
	Check func(ctx context.Context, tx pgx.Tx) error
}

// ErrRecorded is the error of Approval.Check if the audit has the entry already, of an attempt
// whose outcome was not known. It gets no second one, and the act goes on.
var ErrRecorded = errors.New("the audit has the entry already")

// ErrUnsigned refuses names alone in books in which people sign.
var ErrUnsigned = language.Textf("nobody signed it, and these books have people who sign")

// The bounds of a signature's parts, in bytes.
const (
	maxFingerprint = 128
	maxStatement   = 8192
	maxSignature   = 4096
)

// signed says what is wrong with the signatures for so many people, as a *BatchError.
func (a *Approval) signed(people int) error {
	if n := len(a.Signed); n != 0 && n != people {
		return &BatchError{What: language.Textf("it has %d signatures, expected %d or none", n, people)}
	}
	for i, s := range a.Signed {
		if !text(s.Key, 1, maxFingerprint) || !text(s.Statement, 1, maxStatement) || !text(s.Signature, 1, maxSignature) {
			return &BatchError{What: language.Textf("signature %d has a key of %d bytes, a statement of %d and a signature of %d: "+
				"expected UTF-8 of 1 to %d, %d and %d bytes", i+1, len(s.Key), len(s.Statement), len(s.Signature), maxFingerprint, maxStatement, maxSignature)}
		}
	}
	return nil
}

// check calls Check.
func (a *Approval) check(ctx context.Context, tx pgx.Tx) error {
	if a.Check == nil {
		return nil
	}
	return a.Check(ctx, tx)
}

// Unstaffed refuses, as ErrUnsigned, an approval that nobody signed where the audit has a signature
// already: books without people take names, and those with people do not. An act of two people does
// it by itself. An act of one person calls it inside its transaction.
func Unstaffed(ctx context.Context, tx pgx.Tx, by *Approval) error {
	if len(by.Signed) > 0 {
		return nil
	}
	var staffed bool
	err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM audit WHERE signed <> '')").Scan(&staffed)
	if err == nil && staffed {
		err = ErrUnsigned
	}
	return err
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
	return a.signed(2)
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
	people := 0
	if first != "" {
		people = 1
	}
	return first, a.signed(people)
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
	return appendChecked(ctx, tx, by.entry(act, what, first, ""), &by)
}

// appendApproved stores the audit's entry of an approved act.
func appendApproved(ctx context.Context, tx pgx.Tx, act, what string, by *Approval) error {
	first, second, err := by.people()
	if err != nil {
		return err
	}
	if err := Unstaffed(ctx, tx, by); err != nil {
		return err
	}
	return appendChecked(ctx, tx, by.entry(act, what, first, second), by)
}

// entry is the audit's entry of an act, by the people under the names by which they are kept.
func (a *Approval) entry(act, what, first, second string) chain.AuditEntry {
	return chain.AuditEntry{
		At: a.At.Truncate(time.Second), Act: act, What: what, First: first, Second: second, Reason: a.Reason, Signed: a.Signed,
	}
}

// appendChecked stores an entry of the audit, if the approval's check lets it. Where the check
// finds that it was stored before, it must be this one: who uses a signature for two things at once
// would else have one of them in the audit, and both done.
func appendChecked(ctx context.Context, tx pgx.Tx, e chain.AuditEntry, by *Approval) error {
	checked := by.check(ctx, tx)
	if checked == nil {
		return appendAudit(ctx, tx, e)
	}
	if !errors.Is(checked, ErrRecorded) {
		return checked
	}
	signed, err := chain.SignaturesText(e.Signed)
	if err != nil {
		return err
	}
	var there bool
	err = tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM audit WHERE act = $1 AND what = $2 AND first = $3 AND second = $4 AND reason = $5 AND signed = $6)",
		e.Act, e.What, e.First, e.Second, e.Reason, signed).Scan(&there)
	if err == nil && !there {
		err = checked
	}
	return err
}
