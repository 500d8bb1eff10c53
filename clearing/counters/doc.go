// Package counters checks the counters and balances of a day's cards and security modules. It finds
// what no single record shows, only all records of a card or a SAM together. It runs when a day is
// closing, in one pass over what was booked in the day, so the order in which the records came does
// not matter.
//
// # What it finds
//
//	counter_gap        numbers of a card's offline counter that no record has: taps
//	                   that are lost, or not yet here
//	counter_twice      a number that two different taps of a card have
//	counter_jump       one number far from all others of the card
//	counter_impossible a number that the card's two bytes cannot hold
//	load_gap           numbers of a card's online counter: loads that the card
//	                   confirmed and nobody reported
//	sam_gap            numbers of a SAM's sequence that no tap of any card has
//	sam_twice          a number that taps of two cards were signed with
//	sam_jump           one number far from all others of the SAM
//	balance            the last balance that a terminal read from the card is not what the
//	                   ledger says it should hold (the shadow balance): reading less shadow.
//	                   It is found again on each day on which the difference changes,
//	                   with 0 once it is gone
//
// Counters and balances are only a terminal's claims. They lead a person to missing records; no
// money moves because of them. A number that turns up later fills its gap. A number far from all
// others changes nothing, because anybody could invent one to hide what is missing from then on.
// Two such numbers near each other are believed. Taps of other cities' cards, whose TACs we cannot
// check, have no history: the SAM numbers in them fill gaps, and change nothing else. A SAM that is
// not registered has no history either.
//
// # Histories
//
// A day leaves a history of each card: its counters with the open gaps, the last reading and the
// shadow balance. The next day begins with it. Histories are packed into rows, each for a run of
// card numbers, with some 16 bytes a card and a megabyte a row at most. Every day has the histories
// of all cards for which anything was ever booked. So a day's pass reads each row of the day before
// once or twice and writes its own rows. It needs no look-up for a single card.
//
// # Invariants
//
//  1. A day is cut into parts. The samples that the ledger keeps of each batch limit how much of
//     the journal a part reads. The rows of the day before limit its histories. The ends of the
//     parts are stored when the round begins; if several workers begin it, the first one's are
//     stored. One transaction stores a part and its findings, once. So a pass that was killed
//     continues with the missing parts, and several workers can share them.
//  2. A round is done when all its parts are there. What is done is never changed.
//  3. The shadow balance of a history is the sum of everything booked on the float for the card
//     up to the day, as the ledger has it.
//  4. A day that was reopened is passed again, in another round, from the history of the day
//     before. So are the days after it that were passed already. Days before it that were never
//     passed come first.
//  5. A day that two people closed without a stream of taps or loads (Unread) reports no gaps in
//     their numbers and no balances, because the missing records may still come. The next day that
//     has all its streams reports the gaps that are still open and the balances that still differ.
//     A number that two records have is reported at once.
//  6. At most 32 gaps of a counter stay open. When there are more, the oldest is given up: it was
//     reported when it opened. Of gaps that were not reported yet, 16,384 stay open.
package counters
