// Package unconfirmed keeps taps without a TAC beside the books, and books what two people decide
// about them.
//
// A lane that was told to debit a card and never learned whether it did says so on topic
// taps.unconfirmed. Such a record is kept as a memo of kind "unconfirmed" under a key of its own,
// made from all that names the tap: signed day, card, type, SAM and the SAM's sequence. It moves no
// money, and it is no part of the tap's identity: the tap itself is no repeat and no dispute, in
// whichever order the two come. The same record again is a repeat; another one under its key is
// kept as a dispute.
//
//	the tap is in the books        confirmed: read from the journal, so nothing can miss it
//	debited, code lost             float:own → suspense:code_lost
//	not debited                    nothing moves
//	the tap comes after code lost  suspense:code_lost → float:own, in the tap's own chain, which
//	                               debits the float as any tap: so the operator is paid once
//	the tap comes after not debited    it is booked as any tap
//
// Only a TAC confirms. What the card's later records have as counter and balance are claims
// (Claims). They say what two people may decide; another decision takes a reason of its own. Of a
// card that is not registered here, and of a tap of zero fen, code lost moves nothing.
//
// # What holds
//
//   - A memo is decided on once: what is decided has a key made from the tap's.
//   - A tap is never booked beside its lost code without the chain that gives the money back. The
//     decision reads, inside its transaction, that the journal has no such tap. A batch of taps
//     knows the lost codes (Codes), and reads inside its own that there is none since. Both are
//     serializable, so one of them sees the other.
//   - A decision about a tap that is in the books is refused.
//
// What would break these promises: a batch of taps that is judged without the lost codes.
package unconfirmed
