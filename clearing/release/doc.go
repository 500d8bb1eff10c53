// Package release books what two people decide about money that waits: paid loads that are on no
// card, suspended transfers, and payouts that a day's close held.
//
//	refund    a paid load that no card confirmed: unwritten:own → channel:ID
//	release   a suspended tap:       suspense:REASON → operator:ID or channel:ID
//	          another city's tap:    suspense:REASON → pending:OPERATOR
//	          a load nobody paid:    channel:ID → suspense:load_not_paid
//	          a load unlike its order, against the order: see below
//	payout    what a day's close held:  operator:ID → reserve
//
// A decision names rows of the journal, and the key of each row that it books is made of the key of
// a row that it names. So a decision is booked once, however often it is asked for, and never for
// more than waits there. The suspended row stays as it is. The same commit writes into the audit
// who decided, who agreed and why; the evidence of a booked row says what was decided.
//
// A decision is first shown (a Plan: the rows with their state, the transfers, who gets the money),
// which books nothing, and then done (Office.Do), which books what was shown and nothing else.
//
// # To whom a suspended tap is released
//
// It belongs to the operator that had the terminal when the card signed, by the registry's rows for
// that day. Another account gets it only for a reason of its own. Several rows are released in one
// commit (Select finds them), each by itself: if one account takes no money, its rows wait on.
// Which rows they are, who gets them and how much is fixed when they are shown, so what waits by
// the time of the approval and was not shown is not released.
//
// # A wrong release
//
// It is corrected once, by a chain that books the release the other way round and then to the right
// account. The first account owes the money, even if a close has paid it out: what it is owed on
// the day of the correction becomes less, and if that is below zero the close collects it.
//
// # A refund of a load that the card has after all
//
// A load is refunded when the card has not confirmed it within the rules' days, or when a counter
// has looked at the card and found no load. These refuse a refund:
//
//   - the journal has the card's confirmation, under any signed day;
//   - the table of written loads has it. This is read inside the refund's transaction. The batch
//     that books a confirmation reads the refunds inside its own. Both transactions are
//     serializable, so one of them sees the other;
//   - the confirmation may still come: a record of a written load is open in quarantine, or a day
//     was closed without a stream of loads that has not been read to its end yet.
//
// A confirmation that comes after the refund is suspended as load_not_paid: the card has the
// money, the channel owes it again, and a release books that.
//
// # A load unlike its order
//
// The card holds what it signed (W), the channel paid another amount (P). The release takes
// min(P, W) from unwritten:own for the suspended W. Then the rest of P goes back to the channel,
// or the channel owes the rest of W.
//
// A load may be as high as its order and still leave more in the purse than any purse may hold.
// It is released in the same way, with W = P.
//
// A suspended tap is not released to the float: the card has spent the money, and no booking puts
// it back into the purse. A channel repays the holder.
//
// A close holds a payout when too many TACs at the operator's terminals were wrong. Only a
// decision pays it, never the passing of time: somebody who guesses codes could simply wait a
// day. The payment is booked in the open day under the key of the held day. So no later close of
// the held day pays it again, and the open day does not count it as its own payment.
//
// Another city's tap was never verified: its money is what the centre owes, if the centre
// confirms it. So no decision made here pays it out; it can only join the taps of such cards that
// wait for the centre's answer.
package release
