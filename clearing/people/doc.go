// Package people knows who may act: the staff of the issuer, of the city and of those who take
// part, each with a key of their own.
//
// A person is a key and not a name. Each act is signed as a Statement, which says for these books
// who does what and why; the signature is an SSHSIG in a namespace of our own, made by a key file
// or an ssh-agent (Identity). Store.Check believes it inside the transaction that books the act:
// the key is in force, its person is not disabled, the statement is of these books, of that act,
// of this minute, and was never used before. So an act and the use of its statement are one
// commit.
//
// Who may do what is data (policy.json): a row for each act with the roles and units that may do or
// propose it, and those that may approve it. An act without a row is refused, and fails a test.
//
// The first two keepers enrol themselves with one-time tokens (Store.Found, Store.Enrol). From then
// on keepers enrol, change and disable people, two of them at a time (Enrolment, Change, Disable).
// Nobody is deleted, no id is given twice, and a key stays one person's for ever.
//
// The tables are a projection of the ledger's audit: each enrolment, change, disabling and founding
// is an entry that says all that its rows have, so clearing/verify makes them again and compares,
// and checks every signature against the keys that were in force at that place of the audit. For
// that to hold, an act locks its person's row until it has its entry: a person whose disabling
// has its entry before is never in an entry behind it.
package people
