// Package ledger is a double-entry ledger on CockroachDB or PostgreSQL. It knows accounts, money and days, and nothing
// of what the money was for.
//
// The unit of work is the batch: some thousands of transfers of one stream, committed with everything that belongs to
// them in one SERIALIZABLE transaction. A stream is a numbered input (a partition of a log, a desk) with one owner at a
// time; its row holds how far it has been consumed, and a compare-and-swap on that row is the first statement of
// every batch.
//
// # Invariants
//
// Tests and package verify cite them by number.
//
//  1. A row of the journal is never updated or deleted. A mistake is put right by an opposite transfer.
//  2. (effective day, subject, id) identifies one row for ever. The same key with the same content is a duplicate and
//     changes nothing; with other content it is a conflict: the first version stands, the second is kept, once, as a
//     memo of kind "dispute" beside it; sent again it is a duplicate too. What of two evidences has to be equal the
//     batch's caller may say ([Batch.Same]); else every byte.
//  3. A stream moves only by the compare-and-swap over (stream, epoch, next, day). So a batch is committed at most once,
//     by the stream's owner only, and wholly in one booking day.
//  4. balances and turnovers are the sums of the transfers in the journal, account by account; all debits equal all credits.
//  5. An account whose debits must not exceed its credits never holds more debits than credits (or the reverse), at
//     no committed moment. Where a cap allows more, the cap is that of the moment; one that was set below what was used stops every further use.
//  6. A chain of linked transfers is in the journal whole or not at all.
//  7. Each row stores the hash of its content, each batch the Merkle root of its rows and a link to the batch before it in
//     its stream, each sealed day one signed root over the heads of all streams.
//  8. A sealed day takes no more batches.
//  9. A hold is ended at most once, a transfer reversed at most once: what does it has a key made of theirs. Limits count what is held.
//  10. The audit tells, in a chain that the seals cover, which accounts were opened with which limits and when a day was opened, closed and ended; what a closed
//     day was reopened for, an account frozen or its cap changed to, and by which two people. It is never changed or forgotten.
//
// # Reading what one subject has
//
// The journal's only index is its key, so a subject's rows are found by day. [Ledger.Checkpoint], called after days are sealed, writes what each subject has
// on each account and on which days it was active; then a balance is one checkpoint and the rows since, and a statement looks only at active days, however old the subject is; the
// latest checkpoint of each subject stands in table shadows too, so that reading all of them does not read their past. Rows whose
// effective day lies more than three days before their booking day, or after it, are noted in table late as they are posted, so that none is missed. Without checkpoints the
// same reads are right, but look at every booking day.
//
// # Who may repeat what
//
// [Ledger.Post] retries what the database asks to have retried and resolves an unknown outcome itself: when the connection is
// lost while COMMIT is under way, it locks the stream's row, which waits for the lost transaction to end, and looks whether the batch's link
// is there. So an answer other than [ErrOutcomeUnknown] is definite. A caller may post the same transfers again after any
// failure; what was already booked comes back as a duplicate.
package ledger
