// Package index holds the rows of a registry in memory, and finds the one that is in force: who an
// operator is on a day, in which terminal a SAM was, whether a card is listed at a second. It knows
// no files and no database. Package registry reads those, builds [Rows] and puts them into
// editions.
//
// # Dates
//
// On a given day, the row of a key with the latest first day up to that day is in force, until its
// last day if it has one. Of two rows with the same first day, the one that was added later counts.
// Only the hotlist is exact to the second: a card that was stolen at noon was good in the morning.
// A registered card is known on every day.
//
// # Editions
//
// An [Edition] is one version of a registry. It is never changed and safe for concurrent use.
// [Next] makes the following edition, which shares with it everything that the new rows do not
// change. Rows are added only to tables that no other code can see yet.
//
// # Size and speed
//
// Cards are packed into pages of 511 in order of number: 8 bytes of number, 8 of dates, status and
// class, 16.1 bytes a card with the index. Measured with 12 million cards on a 2-core virtual
// machine (BenchmarkCards): 193 MB, 0.7 µs to find a random card, 50 to 100 ms to put a change of
// 10,000 cards on top.
//
// The hotlist is one run of rows of 20 bytes in order of card and moment, with a filter of 2 to 4
// bytes a row before it: 22 to 24 bytes a row. A card that is on no list costs one look at the
// filter in most cases.
//
// There are no names of persons: a person is a keyed token.
package index
