// Package verify replays the books and names every fault it finds.
//
// It takes the books as lines (package export), out of the database, at one moment's view, or of an
// export, and recomputes what the ledger promises (the invariants of package ledger): each row's
// hash, each batch's root and count, the links of each stream's chain without gap, the balances and
// turnovers as sums of the transfers, limits, and the roots and signatures of sealed days. The
// chart of accounts and the states of days follow from the audit, which the seals cover. Both kinds
// of books are checked by the same code; rows are read and hashed on all processors, and then
// follow each other in the order of the chains.
//
// What only the database has is compared there, beside that (tables): what became of holds and what
// reversals act on, checkpoints, and what helps to find rows. Memory does not grow with the number
// of rows: sums are kept by account, shard and day. Of an export the terms of holds are kept too.
//
// A row that was changed is named by its key. One that was taken out is named by its stream,
// sequence and position. If somebody changed a row, its batch and all later links, with hashes that
// fit, the signed root of the sealed day shows it. So keep the seals where the database's owner
// cannot reach them.
package verify
