// Package registry holds who and what clearing knows: operators, lines,
// vehicles, terminals and their SAMs, issuers, card types, cards, top-up
// channels, hospitals, insured persons, purses taken over, and the hotlist.
//
// # Dates and history
//
// Every row says from which day it holds. Of the rows of one key the one with
// the latest first day not after the day asked about is in force, until its last
// day if it has one. So the next row replaces the one before from its day on,
// and of two rows with the same first day the later change's stands. Nothing is
// updated or removed: rows are added by changes, and what is no longer true is
// ended by a row with a last day. The hotlist alone goes by the second: a card that
// was stolen at noon was good in the morning.
//
// # Changes
//
// Files in one directory become a Draft, checked as a whole against what is in
// force; rows that are in force already are left out of it. A Store keeps drafts
// as proposed changes in the ledger's database; a second person approves or
// rejects. The founding change alone, the first of an empty database, is taken
// without. A change is approved on the version it was checked against, or not at
// all. Store counts on these:
//
//  1. rows of a change that has no version are in force nowhere;
//  2. a version adds one change to the version before; its hash covers every
//     row of every change so far, so the same changes give the same version
//     everywhere, and rows altered behind the store's back are found on loading;
//  3. the person who imported a change does not approve it;
//  4. who imported and who decided stands in the ledger's audit too, in a chain that the
//     seals of days cover.
//
// What is read from files is held against everything that is done with it later: what a
// settlement file can state, what the ledger takes. Stored rows are held against the shape of
// their cells only, so a row that got in before a rule can be read, and corrected by a change:
// names by a row with the same first day, ids by ending them, an amount that no account can
// have held by stating it again.
//
// # In memory
//
// An Edition is one version, immutable. A Registry is what running code holds:
// it hands out the current edition, and Follow puts a newer one in its place. Who
// judges several records together takes one edition for all of them.
//
// Cards are packed into pages of 511 in order of number: 8 bytes of number, 8 of
// dates, status and class, 16.1 bytes a card with the index. Measured with 12 million
// cards on a 2-core virtual machine (BenchmarkCards): 193 MB, 0.7 µs to find a random
// card, 50 to 100 ms to put a change of 10,000 cards on top, and a million cards a
// second loaded from PostgreSQL (BenchmarkFoundAndLoad). A new edition shares all
// pages that its change leaves alone.
//
// The hotlist is one run of rows of 20 bytes in order of card and moment, with a
// filter of 2 to 4 bytes a row before it: 22 to 24 bytes a row. A card that is on no
// list costs one look at the filter in most cases.
//
// Names of persons do not occur: a person is a keyed token.
package registry
