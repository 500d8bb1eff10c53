// Package registry keeps who and what clearing knows: operators, lines, vehicles, terminals and
// their SAMs, issuers, card types, cards, top-up channels, hospitals, insured persons, purses taken
// over, and the hotlist. It is the way of a row into force: from files through a change that two
// people make. What is in force stands in memory as package index has it.
//
// # Changes
//
// Every row says from which day it holds, so the next row of its key replaces it from that row's day
// on. Nothing is updated or removed: rows are added by changes, and what is no longer true is ended
// by a row with a last day.
//
// Files in one directory become a [Draft], checked as a whole against what is in force; rows that
// are in force already are left out of it. A [Store] keeps drafts as proposed changes in the
// ledger's database; a second person approves or rejects. The founding change alone, the first of an
// empty database, is taken without. A change is approved on the version it was checked against, or
// not at all. Store counts on these:
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
// # Running code
//
// A [Registry] is what running code holds: it hands out the current edition, and Follow puts a newer
// one in its place. Code that judges several records together takes one edition for all of them.
// A million cards a second are loaded from PostgreSQL (BenchmarkFoundAndLoad).
package registry
