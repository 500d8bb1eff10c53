// Package verify replays the books and names every fault it finds.
//
// It reads the database with queries of its own, all at one moment's view, and recomputes what the ledger promises (the invariants of
// package ledger): each row's hash, each batch's root and count, the links of each stream's chain without gap, the balances and turnovers as
// sums of the transfers, limits, and the roots and signatures of sealed days. The chart of accounts and the states of days follow from the audit, which the
// seals cover. Memory does not grow with the number of rows: the database sorts, and sums are compared there; what accounts of several shards were moved is kept
// by shard and day. Of an export it keeps the sums of accounts and of their days, and the terms of holds, and nothing by
// transfer.
//
// A row that was changed is named by its key. One that was taken out is named by its stream, sequence and position. When somebody who
// can also compute hashes changed row, batch and all later links, the signed root of the sealed day gives it away; so keep the
// seals where the database's owner cannot reach them.
package verify
