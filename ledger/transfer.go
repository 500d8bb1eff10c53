package ledger

import "time"

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
	// Day, Subject and ID are the key (invariant 2). Day is the effective day, which need not be
	// the booking day.
	Day     Day
	Subject Subject
	ID      ID

	Debit, Credit AccountID
	Amount        Fen // 1 to MaxAmount
	Purpose       Purpose
	// Evidence is the record the transfer came from, as its caller encoded it. The ledger hashes it
	// and never reads it. Two transfers with one key are the same when their evidence and amount
	// are; without evidence, when accounts, amount and purpose are.
	Evidence []byte
	// Linked ties the transfer to the next of the batch: a run of linked transfers and the one
	// after it succeed or fail together.
	Linked bool

	// DebitCap is a cap of the debit account for this transfer alone; nil: there is none. It holds
	// beside the account's own, for an account whose debits are limited, and for no other. It is no
	// part of what the transfer is: a repeat is a duplicate whatever it says.
	DebitCap *Fen

	// Act is what the transfer does; the zero Act moves the amount.
	Act Act
	// Expires is when a Hold lapses, in whole seconds; the zero time is never.
	Expires time.Time
	// Now is the time by which PostHold and ExpireHold decide whether the hold has lapsed.
	Now time.Time
}

// Memo is a row without money: keyed, hashed and chained like a transfer, under the same identity
// (a memo and a transfer cannot share a key). Its kind and reason are the caller's words; kind
// "dispute" is the ledger's own.
type Memo struct {
	Day      Day
	Subject  Subject
	ID       ID
	Kind     string // 1 to MaxKind bytes of UTF-8
	Reason   string
	Evidence []byte
}

func (m *Memo) key() Key { return Key{Day: m.Day, Subject: m.Subject, ID: m.ID} }

// valid reports whether a row may have the key.
func valid(k Key) bool {
	return k.Day.Valid() && len(k.Subject) > 0 && len(k.Subject) <= MaxKey && len(k.ID) > 0 && len(k.ID) <= MaxKey
}
