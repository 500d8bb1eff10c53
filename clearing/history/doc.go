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
//	counter_impossible a claimed number that the card's two bytes cannot hold
//	load_gap           numbers of a card's online counter: loads that the card
//	                   confirmed and nobody reported
//	sam_gap            numbers of a SAM's sequence that no tap of any card has
//	sam_twice          a number that taps of two cards were signed with
//	balance            the last balance that the card claimed is not what the ledger
//	                   says it should hold (the shadow balance): claim less shadow.
//	                   It is found again on the day on which the difference changes,
//	                   with 0 once it is gone
//
// A counter and a balance are claims of a terminal: they lead a person to what is
// missing, and no money moves for them. Numbers that turn up later fill their gap.
//
// # Histories
//
// What a day leaves of each card (its counters with the open gaps, last claim,
// shadow balance) is its history as of that day, the next day's beginning. Histories
// lie packed in parts: a part is a run of card numbers, one row in the database, some
// 16 bytes a card. Every day holds the histories of all cards that were ever booked,
// so a day's pass reads each part of the day before once and writes each of its own
// once, and nothing is looked up card by card.
//
// # Invariants
//
//  1. A part and what was found in it are stored by one transaction, and a part that
//     is stored is not computed again; so a pass that was killed goes on with the
//     parts that are missing, and two at once do no harm.
//  2. The shadow balance of a history is the sum of everything booked on the float
//     for the card up to the day, as the ledger has it.
//  3. A day that was reopened is passed anew, in another round, from the history of
//     the day before; so are the days after it that had been passed already.
//  4. At most 32 gaps of one counter are kept open; of more, the oldest is given up,
//     which was reported when it opened.
package history
