// Package persons keeps the people whom a city knows, once: rosters of any office are imported
// through it, and everything else names a person by token.
//
// A person is a certificate's number. Its kind is seen in its form (Certificate); the number alone,
// in one spelling, makes the token (keys.Store.PersonToken), so that a terminal that reads a number
// off a card needs to know nothing else. A person who has two certificates is two persons here.
//
// Name and number are stored encrypted, together with the token that they belong to. What can be
// read without the key store is the token, the kind of certificate, and a status with the day from
// which it holds.
//
// Rows are only ever added. A roster is imported in parts of some thousands of lines, a transaction
// each; a part stores rows only for people who are new or have changed, and for lines that were
// refused. Nothing of an import counts before its last transaction, which writes it into the
// ledger's audit with a hash over all parts. An import that was interrupted goes on with the same
// file, in the same encoding and with the day on which it was begun, or is undone. Each write names
// the import by number and file, and a number is never another import's: the row of one that was
// undone stays. In force is, of each person, the row of the newest import that is done.
//
// Which lines belong to one person is found before the first part is written (survey), so the
// result does not depend on the order of lines. A part is stored only if the file is up to its end
// what it was then. No process holds all people: memory is a part's
// lines, and one of 64 pieces of the list of tokens.
//
// No error, count or audit entry has a name or a number.
package persons
