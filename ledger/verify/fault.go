package verify

import (
	"fmt"

	"citycard/ledger"
)

// Kind is what is wrong.
type Kind string

// The kinds of fault.
const (
	RowHash        Kind = "row hash mismatch"
	RowMissing     Kind = "row missing"
	RowExtra       Kind = "row not in its batch"
	RowDay         Kind = "row booked in another day than its batch"
	UnknownAccount Kind = "unknown account"
	BatchRoot      Kind = "batch root mismatch"
	BatchCount     Kind = "batch count mismatch"
	ChainHead      Kind = "chain link mismatch"
	SequenceGap    Kind = "batch missing"
	PositionGap    Kind = "stream position gap"
	StreamHead     Kind = "stream does not end with its last batch"
	AccountNumber  Kind = "account number mismatch"
	AccountOpening Kind = "account differs from its opening"
	AccountHistory Kind = "account differs from its changes"
	ChartVersion   Kind = "chart version mismatch"
	ShardRows      Kind = "balances differ from the account's shards"
	ShardSum       Kind = "shard differs from batches"
	StreamLease    Kind = "lease differs from its hash"
	StreamEpoch    Kind = "lease goes back"
	StreamDay      Kind = "stream stands in a day that it cannot be in"
	Samples        Kind = "samples differ from rows"
	DayHistory     Kind = "day differs from its changes"
	BalanceSum     Kind = "balance differs from transfers"
	TurnoverSum    Kind = "turnover differs from transfers"
	Unbalanced     Kind = "debits differ from credits"
	HoldState      Kind = "hold differs from journal"
	ActUnfounded   Kind = "nothing it could act on"
	HeldSum        Kind = "held amount differs from holds"
	LimitBroken    Kind = "account limit broken"
	CapHistory     Kind = "limit differs from its changes"
	Checkpoint     Kind = "checkpoint differs from transfers"
	Unfindable     Kind = "rows not found by subject"
	DayHead        Kind = "day does not end with its last batch"
	AuditChain     Kind = "audit chain mismatch"
	SealRoot       Kind = "seal root mismatch"
	SealSignature  Kind = "seal signature invalid"
	SealUnknown    Kind = "seal not checked against a known signer"
	SealKeyHistory Kind = "seal key differs from its changes"
)

// Fault is one thing that is wrong.
type Fault struct {
	Kind   Kind   `json:"kind"`
	Where  string `json:"where"`  // which row, batch, stream, account or day
	Detail string `json:"detail"` // what was found and what was expected
}

// String writes the fault on one line.
func (f Fault) String() string { return fmt.Sprintf("%s: %s: %s", f.Kind, f.Where, f.Detail) }

// Summary counts what was checked.
type Summary struct {
	ID         string `json:"id"`             // of the books
	Part       string `json:"part,omitempty"` // of them; empty: all
	Entries    int64  `json:"entries"`        // of the audit
	Transfers  int64  `json:"transfers"`
	Memos      int64  `json:"memos"`
	Batches    int64  `json:"batches"`
	Streams    int    `json:"streams"`
	Accounts   int    `json:"accounts"`
	Days       int    `json:"days"`
	SealedDays int    `json:"sealed_days"`
	Faults     int    `json:"faults"`
	// SealKeys are the keys that were pinned, oldest first.
	SealKeys []SealKey `json:"seal_keys,omitempty"`
}

func rowName(r *ledger.Row) string {
	what := "transfer"
	if r.IsMemo() {
		what = "memo"
	}
	return keyName(what, r.Key())
}

func keyName(what string, k ledger.Key) string {
	return fmt.Sprintf("%s (day %v, subject %x, id %x)", what, k.Day, string(k.Subject), string(k.ID))
}

func newFault(kind Kind, where, format string, args ...any) Fault {
	return Fault{Kind: kind, Where: where, Detail: fmt.Sprintf(format, args...)}
}
