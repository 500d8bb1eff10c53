package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The ledger's own acts. The field What of their entries is JSON: AccountsOpened, AccountMarked,
// LimitChange, SealKeyPinned, or DayMoved for the acts on days.
const (
	ActOpenAccounts = "open accounts"
	ActMarkAccount  = "mark account"
	ActChangeLimit  = "change limit"
	ActOpenDay      = "open day"
	ActCloseDay     = "close day"
	ActEndDay       = "end day"
	ActReopenDay    = "reopen day"
	ActPinSealKey   = "pin seal key"
)

// AuditEntry is an act that must stay on record: one that took two people, or one that is needed to
// check the books, such as the opening of accounts. Entries are numbered from 1, never changed, and
// chained by hash; when a day is sealed, its root covers the chain's head.
type AuditEntry struct {
	Number        int64
	At            time.Time // to the second, as the caller gave it; for an act without people by the database's clock
	Act           string    // one of the acts, or a caller's (Approve, Record)
	What          string    // JSON of the ledger's own acts, or the caller's words
	First, Second string    // who asked and who agreed; empty where the act takes no person
	Reason        string
	// Signed are the signatures of First and Second, in this order; none where the act has only
	// their names.
	Signed []Signature `json:",omitempty"`
	Hash   Hash
}

// AuditStart is what stands before the first entry instead of an entry's hash: the SHA-256 over the
// text "ledger books 1" and the identity of the books. So every entry, and every seal, covers it.
func AuditStart(books string) Hash { return sha256.Sum256([]byte("ledger books 1" + books)) }

// HashAfter computes what Hash must be, given the entry's before it (AuditStart for the first): the
// SHA-256 over the text "ledger audit 2", that hash, number and second since 1970 as 8 bytes each,
// act, what, first, second and reason, each after its length as 4 bytes, the number of signatures
// as 4 bytes, and key, statement and signature of each, after their lengths.
func (e *AuditEntry) HashAfter(previous Hash) Hash {
	b := append([]byte("ledger audit 2"), previous[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Number))
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.Unix()))
	for _, field := range []string{e.Act, e.What, e.First, e.Second, e.Reason} {
		b = AppendSized(b, field)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(e.Signed)))
	for _, s := range e.Signed {
		b = AppendSized(AppendSized(AppendSized(b, s.Key), s.Statement), s.Signature)
	}
	return sha256.Sum256(b)
}

// AccountsOpened is what the audit keeps of accounts that were opened together.
type AccountsOpened struct {
	Version  int64 `json:"version"` // of the chart
	Accounts int   `json:"accounts"`
	// Root is the RFC 6962 Merkle root over the accounts' opening hashes, in the order of their
	// numbers.
	Root Hash `json:"root"`
}

// AccountsOpened reads the opening out of an entry whose act is ActOpenAccounts.
func (e *AuditEntry) AccountsOpened() (AccountsOpened, error) {
	return readWhat[AccountsOpened](e, ActOpenAccounts)
}

// AccountMarked is what the audit keeps of an account that was frozen, unfrozen or closed.
type AccountMarked struct {
	Account  string `json:"account"` // its code
	OldFlags Flags  `json:"old_flags"`
	Flags    Flags  `json:"flags"`
	Version  int64  `json:"version"` // of the chart
}

// AccountMarked reads the change out of an entry whose act is ActMarkAccount.
func (e *AuditEntry) AccountMarked() (AccountMarked, error) {
	return readWhat[AccountMarked](e, ActMarkAccount)
}

// LimitChange is one change of an account's limit, as the audit keeps it.
type LimitChange struct {
	Account  string `json:"account"` // its code
	OldCap   Fen    `json:"old_cap"`
	OldAlarm Fen    `json:"old_alarm"`
	Cap      Fen    `json:"cap"`
	Alarm    Fen    `json:"alarm"`
	// Used is the amount by which its debits and holds exceeded its credits at the change, 0 where
	// they did not. If it is above the new alarm level already, no alarm follows: the caller should
	// compare the two.
	Used    Fen   `json:"used"`
	Version int64 `json:"version"` // of the chart, by which processes learn of it
}

// LimitChange reads the change out of an entry whose act is ActChangeLimit.
func (e *AuditEntry) LimitChange() (LimitChange, error) {
	return readWhat[LimitChange](e, ActChangeLimit)
}

// DayMoved is what the audit keeps of a day's opening, close, end or reopening.
type DayMoved struct {
	Day  Day `json:"day"`
	Next Day `json:"next,omitempty"` // of a close: the day that follows, which it opens
	// Streams is how many left the day with a close or an end.
	Streams int `json:"streams,omitempty"`
}

// DayMoved reads the change out of an entry whose act is ActOpenDay, ActCloseDay, ActEndDay or
// ActReopenDay.
func (e *AuditEntry) DayMoved() (DayMoved, error) {
	switch e.Act {
	case ActOpenDay, ActCloseDay, ActEndDay, ActReopenDay:
		return readWhat[DayMoved](e, e.Act)
	}
	return DayMoved{}, fmt.Errorf("audit entry %d, %s: no change of a day", e.Number, e.Act)
}

// readWhat reads what an entry of the given act says.
func readWhat[T any](e *AuditEntry, act string) (what T, err error) {
	decoder := json.NewDecoder(strings.NewReader(e.What))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&what)
	if e.Act != act || err != nil {
		return what, fmt.Errorf("audit entry %d, %s: it does not say what %q says: %w", e.Number, e.Act, act, err)
	}
	return what, nil
}
