// Package history is the pass over a day's cards and security modules: what cannot
// be seen in one record, but in a card's or a SAM's records together. It runs when a
// day is closing, over what was booked in the day, so that it does not matter in
// which order the records came.
//
// # What it finds
//
//	counter_gap        numbers of a card's offline counter that no record has: taps
//	                   that are lost, or not yet here
//	counter_twice      a number that two different taps of a card claim
//	counter_jump       one number far from all others of the card
//	counter_impossible a claimed number that the card's two bytes cannot hold
//	load_gap           numbers of a card's online counter: loads that the card
//	                   confirmed and nobody reported
//	sam_gap            numbers of a SAM's sequence that no tap of any card has
//	sam_twice          a number that taps of two cards were signed with
//	sam_jump           one number far from all others of the SAM
//	balance            the last balance that the card claimed is not what the ledger
//	                   says it should hold (the shadow balance): claim less shadow.
//	                   It is found again on the day on which the difference changes,
//	                   with 0 once it is gone
//
// A counter and a balance are claims of a terminal: they lead a person to what is
// missing, and no money moves for them. Numbers that turn up later fill their gap. One
// number far from the others, which anybody can invent, moves nothing, lest it hide
// what is missing from then on; two near each other do. Taps of other cities' cards,
// whose TACs are not ours to check, have no history; the SAM numbers they name fill
// gaps and move nothing. A SAM that is not registered has none either.
//
// # Histories
//
// What a day leaves of each card (its counters with the open gaps, last claim,
// shadow balance) is its history as of that day, the next day's beginning. Histories
// lie packed in rows, each of a run of card numbers, some 16 bytes a card and a megabyte
// a row at most. Every day holds the histories of all cards that were ever booked, so a
// day's pass reads each row of the day before once or twice and writes its own, and
// nothing is looked up card by card.
//
// # Invariants
//
//  1. A day is cut into parts, bounded in what they read of the journal (by samples that
//     the ledger keeps of each batch) and of histories. Where they end is kept when the
//     round begins, and of several workers the first one's word counts. A part and what
//     was found in it are stored by one transaction, once. So a pass that was killed
//     goes on with the parts that are missing, and several at once share them.
//  2. A round is done when all its parts are there; what is done is never changed.
//  3. The shadow balance of a history is the sum of everything booked on the float
//     for the card up to the day, as the ledger has it.
//  4. A day that was reopened is passed anew, in another round, from the history of
//     the day before; so are the days after it that had been passed already. Days
//     before it that were never passed come first.
//  5. A day that two people closed without a stream of taps or loads (Unread) reports no
//     gaps of them and no balances: what is missing came later, or did not. The next day
//     that has all reports the gaps that are still open, and the balances that still differ.
//     What two records say together (a number used twice) is reported at once.
//  6. At most 32 gaps of one counter are kept open; of more, the oldest is given up,
//     which was reported when it opened; of those that were not reported yet, 16,384.
package history
