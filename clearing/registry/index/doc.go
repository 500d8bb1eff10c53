// Package index holds the rows of a registry in memory, and finds the one that is in force: who an
// operator is on a day, in which terminal a SAM was, whether a card is listed at a second. It knows
// no files and no database. Package registry reads those, builds [Rows] and puts them into editions.
//
// # Dates
//
// Of the rows of one key the one with the latest first day not after the day asked about is in
// force, until its last day if it has one. Of two rows with the same first day the one that was
// added later stands. The hotlist alone goes by the second: a card that was stolen at noon was good
// in the morning. A card that is registered at all is known on each day.
//
// # Editions
//
// An [Edition] is one version of a registry. It is never changed and safe for concurrent use. [Next]
// makes the one that follows it, and shares with it all that the new rows leave alone. Rows are
// added only to tables that nobody else has yet.
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
// Names of persons do not occur: a person is a keyed token.
package index
