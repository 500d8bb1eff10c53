// Package registry keeps who and what clearing knows: operators, lines, vehicles, terminals and
// their SAMs, issuers, card types, cards, top-up channels, hospitals, insured persons, purses taken
// over, and the hotlist. It brings rows into force: from files, through a change that two people
// make. The rows in force are in memory, in package index.
//
// # Changes
//
// Every row says from which day it holds, so the next row of its key replaces it from that row's
// day on. Nothing is updated or removed: rows are added by changes, and a row that is no longer
// true is ended by another row with a last day.
//
// Only a change that nobody has proposed goes again ([Store.Forget]).
//
// Files in one directory become a [Draft], checked as a whole against what is in force; rows that
// are in force already are left out of it. A [Store] keeps its rows in the ledger's database; a
// proposal ([ChangeKind]) names them by a digest, which two people sign. Only the founding change,
// the first of an empty database, is the program's. A change can only be approved on the version
// against which it was checked. Store relies on these rules:
//
//  1. rows of a change that has no version are in force nowhere;
//  2. a version adds one change to the version before; its hash covers every
//     row of every change so far, so the same changes give the same version
//     everywhere, and rows altered behind the store's back are found on loading;
//  3. who proposed and who approved each version is in the ledger's audit, a chain that the seals
//     of days cover.
//
// The content of files is compared with everything that is done with it later: what a settlement
// file can state, what the ledger takes. Stored rows are checked only for the form of their cells,
// so a row that is older than a rule can be read, and corrected by a change. A name is corrected by
// a row with the same first day, an id by ending its row, and an amount that no account can have
// held by a new amount.
//
// # Running code
//
// Running code uses a [Registry]: it returns the current edition, and Follow replaces that by a
// newer one. Code that judges several records together takes one edition for all of them. A million
// cards a second are loaded from PostgreSQL (BenchmarkFoundAndLoad).
package registry
