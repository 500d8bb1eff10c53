// Package load creates purse money and accounts for it.
//
// A load is not a tap: the card believes MAC2, and MAC2 is money. So the order
// of things is fixed.
//
//	paid        the channel has the customer's money and asks for MAC2
//	authorised  channel:ID → unwritten:own is posted and durable;
//	            only then is MAC2 given out
//	written     the card's load TAC arrives: unwritten:own → float:own
//	refunded    no card has it: unwritten:own → channel:ID, by two people
//	            (package release)
//
// An authorised load is known by card and the card's online sequence. The card uses a sequence for
// one load only. So whatever goes wrong between the counter and us, a repeated request with the
// same order returns MAC2 again and takes the channel's money once. Another order for the same
// sequence is refused. An order that is requested again after midnight is the same order.
//
// A channel's order number is one load's for ever: it is bound to card, sequence and
// amount in the commit that takes the money. The same number for the card's next
// sequence, another card or another amount is refused, so a counter that does not know
// what became of a load cannot take its money twice.
//
// # Loads that wait for their card
//
// A paid order need not have its card at hand (补登): a channel places it (Place), or somebody does
// in a batch of their own (Placement): source → waiting:own. Any counter may ask for what waits for
// a card (OfCard), and for MAC2 with the order's number and placer: waiting:own → unwritten:own.
// From there it is a load as any. A refund lets it wait again; two people take back what waits
// (Withdraw). Its row (table waiting_loads) is locked by each of these, so an order is authorised
// for one sequence. If two people have said that the card did not have it and the card has counted
// on all the same, the load is held for a person. What waits for a card that was replaced goes over
// to the new one (Moving). A counter may also ask for an order that another channel's counter was
// paid for and did not write.
//
// A load whose TAC verifies but for which no paid order exists is money that a card holds and
// nobody paid: it is booked to the float, against suspense. So is a load that is written after its
// order was refunded. For a refunded order MAC2 is not returned again. The refunded order's
// sequence is free for another order, up to a bound, because the card has not incremented it. A
// second confirmation of one load, signed for another day, is booked against suspense too: an order
// pays once.
//
// unwritten:own never goes below zero. If it holds less than a paid order, which only a fault
// elsewhere can cause, the load waits in suspense as load_uncovered and is released against its
// order.
//
// The authority judges card and channel as they are now, not only as they were at the signed time,
// which comes from the counter's clock. A definite refusal by the ledger (the channel's account is
// closed, frozen, or at its limit) is answered as a refusal; the counter should repeat the request
// only if the outcome is unknown.
//
// The transaction that books a card's confirmation also stores it by card, type and sequence (table
// written_loads), so that it is found whatever day was signed.
package load
