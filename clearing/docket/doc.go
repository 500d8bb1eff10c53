// Package docket holds a batch of records and the verdict on each. The
// rule packages (transit, load, medical, pension) fill it; the ledger's answer
// settles it; its tally is stored with the batch.
//
// A ruling names at most one run of transfers or one memo. Money that moves is a transfer; a
// verified record of zero fen is a memo of kind "record"; a reject is a memo of kind "reject" that
// keeps the original bytes. So every record is in the books once, under a key, hashed and chained.
// That holds for a request that the ledger refuses because of an account, too. It is known to be
// refused only once the batch is decided, so the batch is then judged again with the refused chains
// as rejects (Replace).
//
// A record that cannot be booked for a reason that will not pass, and that is no verdict on the
// record, is kept alone: a memo of kind "quarantine" has its place, its bytes and the
// error (Quarantine).
//
// Reader finds the ruling that a row of the journal keeps. No other package derives a verdict from
// memos and accounts.
package docket
