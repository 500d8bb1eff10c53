// Package rules keeps the documents by which a city prices, pays and settles: its network, fares,
// loads, medical tables, bounds of pensions, when payouts are due and which a close holds, and the
// calendar of its workdays.
//
// A city writes them as files in one folder, KIND.json each and calendar.csv. Documents are checked
// whole, and together: every line of the network needs a fare, and no fare may be more than a purse
// holds. One person proposes documents, another approves them ([ChangeKind]): the proposal names
// them by their hashes, which both sign; who did is in the ledger's audit. The first documents of
// an empty database found its rules, and with them the time zone in which days and moments are read
// for ever: in another one, every document would say something else.
//
// # Editions
//
// An edition is one document of each kind. Every approval makes the next edition, in which its
// documents replace those of the same kinds. Editions are numbered, and named by the number and the
// beginning of a hash over all documents up to it, as in 3+1a2b3c4d. A batch's note in the ledger
// names the edition that ruled it, and an edition loads again for ever: nothing is changed or
// removed. A proposal can be approved only on the edition against which it was checked.
//
// # What is past stays
//
// Fares, the network, loads and held payouts begin after their approval: for every moment up to
// [Lead] after the approval, the new document says what the one before said. So a tap has the price
// that was in force at the second that it signs, whenever it is priced. Medical tables and bounds
// of pensions may begin in the past, as such policies do; nothing that is booked changes by itself.
//
// A calendar is not dated by versions. What it says of a day stays from the day of the approval on
// and may change before. An approval is refused where the calendar lacks the year of its day, or a
// year in which a version begins: nobody would know the workdays there. A day that no calendar had
// may get its kind later, and its rides a price of a band for days of that kind: only then do the
// documents in force say of a past second something else than those by which it was judged.
//
// A draft of fares that changes a price by a larger share than the fares in force allow is proposed
// only if its proposer accepts the change ([Draft.Accepted]). The proposal has the largest change
// of a price, and whether it was accepted, for the second person; the audit keeps the change.
//
// Running code has a [Shelf] with the edition in force, which follows the database. No version
// begins within [Lead] after its approval, so every process has an edition before anything in it
// begins. One that cannot look for so long that it may have missed an edition judges no taps and no
// loads, and authorises none, until it can (Shelf.Fresh).
package rules
