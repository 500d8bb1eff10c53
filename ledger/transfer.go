package ledger

import (
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Subject is whose statement a row belongs to: a card, a person, an organisation. Raw bytes, 1 to 64.
type Subject string

// ID tells the rows of one subject and day apart. Raw bytes, 1 to 64, made by the caller of what is signed; the first bytes 0xFD to
// 0xFF are the ledger's own.
type ID string

// Purpose is the caller's number for what a transfer was for.
type Purpose uint16

// ScanInt64 reads a purpose from the journal. A number that is no purpose, which the ledger never
// stores, is read as the highest one: the row's hash tells that it was changed.
func (p *Purpose) ScanInt64(v pgtype.Int8) error {
	*p = math.MaxUint16
	if v.Valid && v.Int64 >= 0 && v.Int64 < math.MaxUint16 {
		*p = Purpose(v.Int64)
	}
	return nil
}

// Limits of a row and of a batch.
const (
	MaxKey      = 64      // bytes of a subject or an id
	MaxEvidence = 1 << 16 // bytes of evidence of one row
	MaxReason   = 1 << 10 // bytes of a memo's reason
	MaxKind     = 32      // bytes of a memo's kind
	MaxRows     = 50_000  // transfers and memos of one batch
)

// Transfer moves an amount from one account to another: it debits Debit and credits Credit.
type Transfer struct {
	// Day, Subject and ID are the key (invariant 2). Day is the effective day, which need not be the booking day.
	Day     Day
	Subject Subject
	ID      ID

	Debit, Credit AccountID
	Amount        Fen // 1 to MaxAmount
	Purpose       Purpose
	// Evidence is the record the transfer came from, as its caller encoded it. The ledger hashes it and never reads
	// it. Two transfers with one key are the same when their evidence and amount are; without evidence, when
	// accounts, amount and purpose are.
	Evidence []byte
	// Linked ties the transfer to the next of the batch: a run of linked transfers and the one after it succeed or
	// fail together.
	Linked bool
	// UpTo makes Amount an upper bound: as much is moved as the debit account holds (credits - debits) and, when the credit
	// account's credits must not exceed its debits, as that one can take. Nothing available is a refusal.
	UpTo bool

	// Act is what the transfer does; the zero Act moves the amount.
	Act Act
	// Expires is when a Hold lapses, in whole seconds; the zero time is never.
	Expires time.Time
	// Now is the time at which PostHold and ExpireHold ask whether the hold has lapsed.
	Now time.Time
}

// Memo is a row without money: keyed, hashed and chained like a transfer, under the same identity (a memo and a transfer cannot
// share a key). Its kind and reason are the caller's words; kind "dispute" is the ledger's own.
type Memo struct {
	Day      Day
	Subject  Subject
	ID       ID
	Kind     string // 1 to MaxKind bytes of UTF-8
	Reason   string
	Evidence []byte
}

// key identifies a row of the journal.
type key struct {
	day     Day
	subject Subject
	id      ID
}

func (m *Memo) key() key { return key{m.Day, m.Subject, m.ID} }

func (k key) valid() bool {
	return k.day.Valid() && len(k.subject) > 0 && len(k.subject) <= MaxKey && len(k.id) > 0 && len(k.id) <= MaxKey
}
