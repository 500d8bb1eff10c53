// Package docket holds a batch of records and what was ruled about each. The
// rule packages (transit, load, medical, pension) fill it; the ledger's answer
// settles it; its tally is stored with the batch.
//
// A ruling names at most one run of transfers or one memo. Money that moves is a
// transfer; a verified record of zero fen is a memo of kind "record"; a reject
// is a memo of kind "reject" that keeps the original bytes. So what came in is in
// the books once, under a key, hashed and chained, with two exceptions that are
// kept beside them: a request that the ledger refused for an account's sake is
// kept with its bytes among the outgoing messages, and a claim that is settled
// all in cash among the answered claims.
package docket
