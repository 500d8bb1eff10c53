package export

import (
	"citycard/ledger"
	"citycard/ledger/chain"
)

// The versions of the format. All books are written in Version; TextVersion is text, which is read,
// and in which the audit alone is written. Versions 1 and 2 had the same two layouts, and an audit
// of other hashes: they are refused.
const (
	TextVersion = 3
	Version     = 4
)

// Line is one line: one of its members is set.
type Line struct {
	Export   *Header           `json:"export,omitempty"`
	Books    *Identity         `json:"books,omitempty"`
	Chart    *Chart            `json:"chart,omitempty"`
	Account  *Account          `json:"account,omitempty"`
	Stream   *Stream           `json:"stream,omitempty"`
	Batch    *chain.Link       `json:"batch,omitempty"`
	Row      *ledger.Row       `json:"row,omitempty"`
	Balance  *Balance          `json:"balance,omitempty"`
	Turnover *Turnover         `json:"turnover,omitempty"`
	Hold     *Hold             `json:"hold,omitempty"`
	Head     *Head             `json:"head,omitempty"`
	Day      *Day              `json:"day,omitempty"`
	Audit    *chain.AuditEntry `json:"audit,omitempty"`
	End      *End              `json:"end,omitempty"`

	// Content is what the hash of Row must be: it is made of the bytes from which the row was read.
	Content chain.Hash `json:"-"`
	// Samples are the subjects that lie beside Batch in the database, if Sampled; an export has
	// none.
	Sampled bool     `json:"-"`
	Samples [][]byte `json:"-"`
}

// member returns where the member of a name is read into; nil if no line has it.
func (l *Line) member(name string) any {
	switch name {
	case "export":
		return &l.Export
	case "books":
		return &l.Books
	case "audit":
		return &l.Audit
	case "chart":
		return &l.Chart
	case "account":
		return &l.Account
	case "stream":
		return &l.Stream
	case "batch":
		return &l.Batch
	case "row":
		return &l.Row
	case "balance":
		return &l.Balance
	case "turnover":
		return &l.Turnover
	case "hold":
		return &l.Hold
	case "head":
		return &l.Head
	case "day":
		return &l.Day
	case "end":
		return &l.End
	}
	return nil
}

// rank returns the place of the line's kind in the order of an export, from 1; batches and rows
// share one. A line without a member has 0.
func (l *Line) rank() int {
	switch {
	case l.Row != nil, l.Batch != nil:
		return 7
	case l.Export != nil:
		return 1
	case l.Books != nil:
		return 2
	case l.Audit != nil:
		return 3
	case l.Chart != nil:
		return 4
	case l.Account != nil:
		return 5
	case l.Stream != nil:
		return 6
	case l.Balance != nil:
		return 8
	case l.Turnover != nil:
		return 9
	case l.Hold != nil:
		return 10
	case l.Head != nil:
		return 11
	case l.Day != nil:
		return 12
	case l.End != nil:
		return 13
	}
	return 0
}

// PartAudit is the part of an export that has only the audit: besides its entries the identity of
// the books, the chart's line, which says where the audit ends, and heads and days, whose seals
// cover the audit.
const PartAudit = "audit"

// Header begins an export.
type Header struct {
	Version int    `json:"version"`
	Dialect string `json:"dialect"`
	Part    string `json:"part,omitempty"` // empty: all books
}

// partOf reports whether a line may be in a part of the books.
func (l *Line) partOf(part string) bool {
	switch part {
	case "":
		return true
	case PartAudit:
		return l.Export != nil || l.Books != nil || l.Audit != nil || l.Chart != nil || l.Head != nil || l.Day != nil
	}
	return false
}

// Identity tells the books from all others.
type Identity struct {
	ID string `json:"id"`
}

// Chart is how far the chart of accounts and the audit have come.
type Chart struct {
	Version   int64      `json:"version"`
	Audit     int64      `json:"audit"` // number of its last entry
	AuditHash chain.Hash `json:"audit_hash"`
}

// Account is an account of the chart.
type Account struct {
	Account ledger.AccountID `json:"account"`
	Code    string           `json:"code"`
	Kind    ledger.Kind      `json:"kind"`
	Owner   string           `json:"owner"`
	Flags   ledger.Flags     `json:"flags"`
	Shards  int              `json:"shards"`
	Cap     ledger.Fen       `json:"cap,omitempty"`
	Alarm   ledger.Fen       `json:"alarm,omitempty"`
	Version int64            `json:"version"` // of the chart, when it was changed last
	Opened  int64            `json:"opened"`  // of the chart, when it was opened
	Hash    chain.Hash       `json:"hash"`    // of what it was opened with
}

// Chart returns the account as the chart has it.
func (a *Account) Chart() ledger.Account {
	return ledger.Account{ID: a.Account, Code: a.Code, Kind: a.Kind, Owner: a.Owner, Flags: a.Flags, Shards: a.Shards, Cap: a.Cap, Alarm: a.Alarm}
}

// Stream is a stream as it stands.
type Stream struct {
	Stream   string          `json:"stream"`
	Number   ledger.StreamID `json:"number"`
	Next     int64           `json:"next"`
	Sequence int64           `json:"sequence"`
	Epoch    int64           `json:"epoch"`
	Owner    string          `json:"owner"`
	Lease    chain.Hash      `json:"claim"`
	Day      ledger.Day      `json:"day"`
	Head     chain.Hash      `json:"head"`
}

// Balance is an account's sums over all its shards.
type Balance struct {
	Account     ledger.AccountID `json:"account"`
	Debits      ledger.Fen       `json:"debits"`
	Credits     ledger.Fen       `json:"credits"`
	DebitsHeld  ledger.Fen       `json:"debits_held,omitempty"`
	CreditsHeld ledger.Fen       `json:"credits_held,omitempty"`
}

// Turnover is an account's sums of one booking day.
type Turnover struct {
	Account ledger.AccountID `json:"account"`
	Day     ledger.Day       `json:"day"`
	Debits  ledger.Fen       `json:"debits"`
	Credits ledger.Fen       `json:"credits"`
}

// Hold is a hold; subject and id are in hex.
type Hold struct {
	Day     ledger.Day       `json:"day"`
	Subject string           `json:"subject"`
	ID      string           `json:"id"`
	State   ledger.HoldState `json:"state"`
	Posted  ledger.Fen       `json:"posted"`
}

// Head is where a stream left a day; its name is empty for the audit.
type Head struct {
	Day      ledger.Day  `json:"day"`
	Stream   string      `json:"stream"`
	Sequence int64       `json:"sequence"`
	Head     chain.Hash  `json:"head"`
	Batches  *chain.Hash `json:"batches,omitempty"` // root over the heads of what it booked in the day, once that is sealed
}

// Day is a booking day.
type Day struct {
	Day       ledger.Day      `json:"day"`
	State     ledger.DayState `json:"state"`
	Next      ledger.Day      `json:"next,omitempty"`
	Root      *chain.Hash     `json:"root,omitempty"`
	Signature []byte          `json:"signature,omitempty"`
	Signer    []byte          `json:"signer,omitempty"`
}

// End ends an export.
type End struct {
	Lines int64      `json:"lines"`
	Hash  chain.Hash `json:"sha256"`
}
