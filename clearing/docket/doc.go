// Package docket holds a batch of records and what was ruled about each. The
// rule packages (transit, load, medical, pension) fill it; the ledger's answer
// settles it; its tally is stored with the batch.
//
// A ruling names at most one run of transfers or one memo. Money that moves is a
// transfer; a verified record of zero fen is a memo of kind "record"; a reject
// is a memo of kind "reject" that keeps the original bytes. So what came in is in
// the books once, under a key, hashed and chained. A request that the ledger refuses
// for an account's sake is no exception: what was refused is known only once the batch
// is decided, so the batch is then judged again with the refused chains as rejects
// (Replace).
//
// What cannot be booked for a reason that will not pass, and that is no verdict on the
// record, is kept alone: a memo of kind "quarantine" has its place, its bytes and the
// error (Quarantine).
//
// Reader tells from a row of the journal what was ruled. No other package reads a verdict out
// of memos and accounts.
package docket
