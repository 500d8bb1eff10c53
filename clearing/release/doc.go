// Package release is what two people decide about money that waits: a load that was
// paid for and that no card has, and transfers that were suspended.
//
//	refund    a paid load without a card's word: unwritten:own → channel:ID
//	release   a suspended tap:       suspense:REASON → operator:ID or channel:ID
//	          another city's tap:    suspense:REASON → pending:OPERATOR
//	          a load nobody paid:    channel:ID → suspense:load_not_paid
//	          a load unlike its order, against the order: see below
//	payout    what a day's close held:  operator:ID → reserve
//
// Each names one row of the journal, and its own row has a key made of that one's: so
// it is done once, whoever asks how often, and never for more than waits there. The
// suspended row stays as it is. Who decided, who agreed and why goes into the audit in
// the same commit; the row's evidence says what was decided.
//
// # A refund and a card that was written after all
//
// A load is refunded when the rules' days have passed without the card's word, or
// when the counter has looked at the card and found it not written. It is refused
// where the word is in the books under whichever signed day: the card's statement is read
// first, and inside the transaction what clearing keeps of written loads; and the batch
// that brings the word asks, inside its own, for refunds. Both are serializable, so one of
// them sees the other. It is refused as well while the word may be on its way: while a record
// of a written load is open in quarantine, or a stream of loads stands before the end that a
// day was closed without. Where the word comes after the refund the load is suspended as
// load_not_paid: the card has the money, the channel owes it again, and a release
// books that.
//
// # A load unlike its order
//
// The card holds what it signed (W), the channel paid another amount (P). The release
// settles the suspended W out of the order: min(P, W) from unwritten:own; then either
// the rest of P goes back to the channel, or the channel owes the rest of W.
//
// A load of as much as its order after which the purse holds more than any may is settled
// in the same way: W = P.
//
// A suspended tap is not released to the float: the card has spent the money, and no
// booking puts it back into the purse. The holder is repaid by a channel.
//
// A payout that a close held because too many TACs at the operator's terminals were wrong
// is paid by a decision alone, never by time: somebody who guesses codes could otherwise
// wait a day. It is booked in the open day under the held day's key, so it is neither paid
// by a close of the held day again nor counted as a payment of the open one.
//
// Another city's tap was never verified: its money is what the centre owes, if it
// confirms it. So no decision made here pays it out; it can only join the taps of such
// cards that wait for the centre's word.
package release
