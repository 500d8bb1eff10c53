package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"citycard/ledger/chain"
)

// DisputeKind is the kind of the memos in which the ledger keeps the second version of a conflict.
//
// Such a memo has the day and subject of the disputed row. Its id is the byte 0xFF and a SHA-256
// over the disputed id (after its length as 4 bytes) and over the content by which versions are
// compared. So the same second version is kept once, however often it comes. Its reason is the
// disputed id in hex and, for a transfer, the second version's amount; its evidence the second
// version's (or, when that had none, the canonical bytes of its content).
const DisputeKind = "dispute"

// The kinds of second version: the first byte of what its id is hashed from.
const (
	versionTransfer byte = iota + 1 // amount and evidence
	versionBare                     // a transfer without evidence: accounts, amount, purpose
	versionMemo                     // evidence
	versionBareMemo                 // a memo without evidence: kind, reason
	versionHold                     // before one of the first two: when the hold lapses
)

// disputeKey returns the key under which a version of a row is kept as a dispute.
func disputeKey(k Key, version []byte) Key {
	b := chain.AppendSized(nil, k.ID)
	sum := sha256.Sum256(append(b, version...))
	return Key{Day: k.Day, Subject: k.Subject, ID: ID(append([]byte{chain.DisputeID}, sum[:]...))}
}

// transferDispute makes the memo that keeps a transfer whose key is taken.
func transferDispute(t *Transfer) (Key, newRow) {
	content := chain.AppendContent(nil, t.Debit, t.Credit, t.Amount, t.Purpose)
	version, evidence := append([]byte{versionBare}, content...), content
	if len(t.Evidence) > 0 {
		version = binary.BigEndian.AppendUint64([]byte{versionTransfer}, uint64(t.Amount))
		version, evidence = append(version, t.Evidence...), t.Evidence
	}
	if t.Act == Hold {
		version = append(binary.BigEndian.AppendUint64([]byte{versionHold}, uint64(t.expires())), version...)
	}
	return disputeRow(t.key(), version, evidence, fmt.Sprintf("%s %d", hex.EncodeToString([]byte(t.ID)), int64(t.Amount)))
}

// memoDispute makes the memo that keeps a memo whose key is taken.
func memoDispute(m *Memo) (Key, newRow) {
	version := chain.AppendSized(chain.AppendSized([]byte{versionBareMemo}, m.Kind), m.Reason)
	if len(m.Evidence) > 0 {
		version = append([]byte{versionMemo}, m.Evidence...)
	}
	return disputeRow(m.key(), version, m.Evidence, hex.EncodeToString([]byte(m.ID)))
}

func disputeRow(k Key, version, evidence []byte, reason string) (Key, newRow) {
	d := disputeKey(k, version)
	return d, newRow{Row: Row{Day: d.Day, Subject: d.Subject, ID: d.ID, Kind: DisputeKind, Reason: reason, Evidence: evidence}}
}

// dispute decides a version that differs from the row stored under its key. The answer is a
// conflict, or a duplicate where this version was kept before.
func (j *judge) dispute(standing, k Key, row newRow, stands Fen, why *TransferError) Decision {
	if j.keepDispute(standing, k, row) {
		return Decision{Result: Duplicate, Amount: stands, Disputed: true}
	}
	return Decision{Result: Conflict, Amount: stands, Disputed: true, Err: why}
}

// keepDispute keeps such a version, and reports whether it was kept before, in this batch or an
// earlier one. If the row under the key is in the journal already, the dispute may be there too, so
// it must have been looked up.
func (j *judge) keepDispute(standing, k Key, row newRow) (repeated bool) {
	if _, ok := j.disputed[k]; ok {
		j.repeats++
		return true
	}
	if _, ok := j.here[standing]; !ok {
		was, looked := j.post.known[k]
		if was != nil {
			j.repeats++
			return true
		}
		if !looked {
			j.post.doubts[k] = struct{}{}
		}
	}
	j.disputed[k] = struct{}{}
	j.disputes = append(j.disputes, row)
	return false
}
