package ledger

import (
	"context"
	"fmt"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// Batch is what one commit takes of one stream.
type Batch struct {
	// Stream and Epoch name the stream and the lease under which it is posted.
	Stream string
	Epoch  int64
	// From is the position at which the stream must be, Next the one to which it moves; Next >
	// From.
	From, Next int64
	// Day is the booking day; it must be the stream's.
	Day Day
	// Shard picks the balance rows the batch adds to (modulo the account's shards). Streams that
	// run at the same time should have different shards.
	Shard int

	Transfers []Transfer
	Memos     []Memo

	// Same, when set, is called where the evidence stored under a key and the evidence that comes
	// under it now differ in their bytes. It says whether they mean the same. Only a caller knows
	// which parts of its records count; without Same every byte counts.
	Same func(standing, now []byte) bool

	// Recent, when set, is the stream owner's memory of keys it posted. It only makes repeats
	// cheaper.
	Recent *Recent

	// Keys are the keys that Prepare may give to transfers. They are looked up before the
	// transaction. If Prepare uses a key that is not among them, that may cost a second attempt.
	Keys []Key
	// Prepare, when set, runs inside the transaction once the stream is known to be ours, and may
	// fill Transfers and Memos. It runs again whenever the transaction does, so it must start
	// afresh each time.
	Prepare func(ctx context.Context, tx pgx.Tx) error
	// Finish, when set, runs inside the transaction after the rows are in, with the outcome so far.
	// Its note is hashed into the stream's chain and stored with the batch. It runs again whenever
	// the transaction does.
	Finish func(ctx context.Context, tx pgx.Tx, out *Outcome) (note []byte, err error)
}

// Result is what became of one transfer or memo.
type Result uint8

// The results.
const (
	// Inserted: the row is new and in the journal.
	Inserted Result = iota + 1
	// Duplicate: the same row was there before, under the key or as a dispute; nothing changed.
	Duplicate
	// Conflict: another row with this key was there before; this version is kept as a dispute memo.
	Conflict
	// Refused: the row is not in the journal; the decision's error is a *TransferError that says
	// why.
	Refused
)

// String names the result.
func (r Result) String() string {
	switch r {
	case Inserted:
		return "inserted"
	case Duplicate:
		return "duplicate"
	case Conflict:
		return "conflict"
	case Refused:
		return "refused"
	}
	return fmt.Sprintf("result %d", uint8(r))
}

// Decision is the answer for one transfer or memo.
type Decision struct {
	Result Result
	// Amount is the amount in the journal under the key: for a duplicate or conflict the first
	// version's, for a refused transfer zero.
	Amount Fen
	// Disputed tells that another version is stored under the key, and that this one is kept as a
	// dispute: from now on (Conflict), or since it came earlier (Duplicate).
	Disputed bool
	// Err is a *TransferError when the row was refused or is in conflict, else nil.
	Err error
}

// Outcome is the answer to a batch: one decision for each transfer and memo, in order.
type Outcome struct {
	Transfers []Decision
	Memos     []Decision
	// Sequence is the batch's number in its stream, from 1.
	Sequence int64
	// Head is the head of the stream's hash chain after the batch. It is not yet known to Finish.
	Head chain.Hash
	// Rows is the number of rows the batch put into the journal, disputes included.
	Rows int
	// Alarms are the accounts that the batch took to their alarm level.
	Alarms []Alarm
}

// Alarm says that an account has come to its alarm level.
type Alarm struct {
	Account Account
	// Used is the amount by which its debits and holds exceed its credits.
	Used Fen
}

func (b *Batch) validate() error {
	switch {
	case !text(b.Stream, 1, MaxKey):
		return &BatchError{Stream: b.Stream, What: language.Textf("a stream's name must be 1 to %d bytes of UTF-8", MaxKey)}
	case b.From < 0 || b.Next <= b.From:
		return &BatchError{Stream: b.Stream, What: language.Textf("moves from %d to %d, expected a higher position", b.From, b.Next)}
	case !b.Day.Valid():
		return &BatchError{Stream: b.Stream, What: language.Textf("booking day %d is no calendar day", b.Day)}
	case b.Shard < 0:
		return &BatchError{Stream: b.Stream, What: language.Textf("shard %d is negative", b.Shard)}
	}
	return b.validateSize()
}

func (b *Batch) validateSize() error {
	if n := len(b.Transfers) + len(b.Memos); n > MaxRows {
		return &BatchError{Stream: b.Stream, What: language.Textf("%d rows, at most %d fit one batch", n, MaxRows)}
	}
	return nil
}
