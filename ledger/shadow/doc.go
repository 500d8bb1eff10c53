// Package shadow reads the books by subject: what the transfers of a card or person left on an
// account (its shadow balance), its statement, and the rows of a day by runs of subjects. It reads
// them as they are now or as they were at a past moment ([AsOf]).
//
// The journal's only index is its key, so a subject's rows are found by day. [Checkpoint], called
// after days are sealed, writes what each subject has on each account and on which days it was
// active. Then a balance is one checkpoint and the rows since, and a statement reads only active
// days, however old the subject is. The latest checkpoint of each subject is in table shadows too,
// so that a read of all of them does not read their past.
//
// # Invariants
//
//  1. Checkpoints are a copy of what the journal says. Nothing is decided by them, and package
//     verify compares them with the transfers.
//  2. They are written day by day, in order, each day once it is sealed, in chunks by subject. They
//     may stop anywhere, and any process may go on.
//  3. What is read does not depend on how far they have come. Without them the same reads look at
//     every booking day.
//  4. Rows of a booking day lie in its prompt days ([ledger.PromptDays]), or the ledger noted them
//     as late when it posted them. So none is missed.
package shadow
