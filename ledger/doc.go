// Package ledger is a double-entry ledger on CockroachDB or PostgreSQL. It knows accounts, money
// and days, and nothing of what the money was for.
//
// The unit of work is the batch: some thousands of transfers of one stream, committed with
// everything that belongs to them in one SERIALIZABLE transaction. A stream is a numbered input (a
// partition of a log, a desk) with one owner at a time; its row holds how far it has been consumed,
// and a compare-and-swap on that row is the first statement of every batch.
//
// # Invariants
//
// Tests and package verify cite them by number.
//
//  1. A row of the journal is never updated or deleted. A mistake is corrected by an opposite
//     transfer.
//  2. (effective day, subject, id) identifies one row for ever. The same key with the same content
//     is a duplicate and changes nothing. With other content it is a conflict: the first version
//     stays, the second is kept once, as a memo of kind "dispute" beside it; sent again it is a
//     duplicate too. Two evidences are the same if every byte is, or where the batch's caller says
//     so ([Batch.Same]).
//  3. A stream moves only by the compare-and-swap over (stream, epoch, next, day). So a batch is
//     committed at most once, only by the stream's owner, and wholly in one booking day.
//  4. balances and turnovers are the sums of the transfers in the journal, account by account; all
//     debits equal all credits.
//  5. An account whose debits must not exceed its credits never holds more debits than credits (or
//     the reverse), at no committed moment. Where a cap allows more, the current cap counts. A cap
//     that was set below what is already used stops every further use.
//  6. Either all transfers of a linked chain are in the journal, or none.
//  7. Each row stores the hash of its content, each batch the Merkle root of its rows and a link to
//     the batch before it in its stream, each sealed day one signed root over the heads of all
//     streams.
//  8. A sealed day takes no more batches.
//  9. A hold is ended at most once and a transfer is reversed at most once: the row that does so
//     has a key made from theirs. Limits count what is held.
//  10. The audit is a chain that the seals cover. It says which accounts were opened with which
//     limits, and when a day was opened, closed and ended. It says why a closed day was reopened
//     or an account frozen, what a cap was changed to, and which two people did it. No entry is
//     ever changed or deleted.
//
// # Finding rows
//
// The journal's only index is its key, so what was booked in a day is found by effective day. A row
// whose effective day is more than three days before its booking day, or after it, is noted in
// table late when it is posted, so that none is missed. Package shadow finds the rows of one
// subject.
//
// # Who may repeat what
//
// [Ledger.Post] retries what the database asks to have retried and resolves an unknown outcome
// itself: when the connection is lost while COMMIT is under way, it locks the stream's row, which
// waits until the lost transaction has ended, and then checks whether the batch's link is there. So
// every answer except [ErrOutcomeUnknown] is definite. A caller may post the same transfers again
// after any failure; what was already booked comes back as a duplicate.
package ledger
