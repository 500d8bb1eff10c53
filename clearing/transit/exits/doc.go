// Package exits keeps what desks say of exit tickets (出站票) beside the books.
//
// A ticket is the operator's own paper: no card signs it, so it is a claim of its desk. It is kept
// as a memo of kind "noted" under a key of its own: its day, its desk (by the SAM's number) and its
// running number. That it no longer counts is another memo, under the same day and desk. Neither
// moves money: the cash is the operator's own. The same record again is a repeat, another one under
// its key is kept as a dispute, and what is no ticket as a reject.
//
// The operator is the one that has the SAM by the registry on the ticket's day. Its tickets and
// their cash are in the notes of the batches (docket.Aside), from which searches and the operator's
// settlement file have them.
package exits
