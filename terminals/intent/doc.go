// Package intent keeps the payments of a lane whose outcome is not known, so that no debit is on a
// card and nowhere else.
//
// An intent is a tap without its TAC. It is in the lane's outbox, synced, before the card is told
// to pay:
//
//	Begin   intent is durable            then DEBIT is sent
//	End     the tap and the end of its intent are durable together: two syncs a tap
//	End     the card has not paid: the end is written with the next record, or by Close
//	End     no usable answer: the intent is open
//	Open    an intent that the last run began, and did not end, is open
//
// An intent that becomes open goes to topic intents, for the other lanes of the station. The lanes
// of one agent are told directly too, of what opens and of what ends, so that they need no broker;
// see Share. An intent is settled by its card, at this lane or at one of those: Settle reads the
// card's counter and log and asks for the codes. The lane that settles it writes the tap, if the
// card has paid, and then the end of the intent on the topic. Two lanes that do so at once write
// the same tap twice, and clearing counts it once. Nobody waits for the topic: without it a lane of
// another agent takes the card as a new one. What a lane of the same agent has ended, the lane that
// began it ends on the topic as well, behind its own beginning.
//
// # What a card says
//
// Counter, log and codes are not proved, except by MAC2, which only the SAM of the sale knows, and
// only until its next sale. Anything that gives the card's number can say that it has paid, or has
// not. So nothing that a card says ends an intent or opens a gate, until the SAM has confirmed a
// payment of that card in the same presentation, with the same counter or a later one: End ends the
// intents of which the card has spoken.
//
//	the card says                 clearing is told   the intent         the card is then
//	it has paid, and the SAM      the tap            ends               let through, if it is for
//	  tells MAC2                                                        this passage
//	it has paid, and no SAM can   a tap with both    stays until a      asked to prove itself, if
//	  tell MAC2                   codes              confirmed payment  it is for this passage, or
//	                                                                    served as any
//	its log has the payment, the  unconfirmed, by    the same           the same
//	  code is gone                its own lane
//	it can no longer tell         the same           the same           served as any
//	it has not paid, or another   nothing            the same           served as any
//	  payment is in its place
//	a code that the SAM refuses,  nothing            stays              refused
//	  or nothing
//
// Who is served as any pays for the passage, and that is the confirmed payment. Who has paid for it
// already does not pay again: the card proves itself by a payment of 0 fen, [card.Attest]. The chip
// that makes it has answered for the counter, the log and the codes in the same presentation, so a
// card of ours is believed: it has no reason to lie, and does not know how. Its counter, which MAC1
// and MAC2 cover, shows that it has made a payment in the place of that one (Proves). If that is
// torn too, the card says so the next time, and it is an intent like the first one: its movement is
// that of the passage, so the card is let through once it has proved either, at whatever lane. The
// cost is a number of the SAM, a record on the card and a tap, as of an entry.
//
// What cannot prove itself, a telephone that knows a number, opens nothing and ends nothing. The
// codes that it makes up are rejected by clearing, and a rejected tap is not in the way of the
// right one, which the card brings; of another city's card both are claims, and its issuer decides.
// Given up is this: a thing between a card of ours and the reader may have the card pay 0 fen and
// make up all the rest. It is let through once, if the card has paid elsewhere with that counter;
// clearing has a wrong code of a card that was there, and the payment as unconfirmed: that goes up
// with the end of each intent whose codes no SAM knew, and a right code confirms it.
//
//	stopped between          on the card   in the outbox   afterwards
//	Begin and DEBIT          nothing       intent          the card says that it has not paid
//	DEBIT and End            maybe paid    intent          the card says which
//	End and its return       paid          tap, or intent  sent; or the card says that it has paid
//
// An open intent that is older than a set time goes up as unconfirmed, once: clearing is told that
// the card may have paid. The lane keeps it, and a card that comes later is settled as before.
//
// At most 64 intents are kept. If another one is begun, one ends: the oldest of those that weigh
// least, see below. It goes up as unconfirmed, unless clearing was told already or it is doubted.
// An intent also goes up at once when its card can no longer prove what it did, because it was used
// elsewhere since or gives no usable answer; the card is then served, and the intent ends once the
// SAM has confirmed a payment of it. An answer that does not come changes nothing, and the card is
// refused. So each debit of a card is in the outbox as a tap, as an intent or as an unconfirmed
// tap.
//
// # Forged cards
//
// A card proves that it is one of ours by MAC2 alone, which comes with the debit. Before it nothing
// is proved: whatever gives a card's number and is sent DEBIT makes an intent under that number.
//
// MAC2 is wrong. A card of ours that was debited gives a right one, and the reader asks again for a
// frame whose checksum does not hold. So no card of ours has paid in that dialogue, unless
// something between it and the reader changes what it says. The intent is doubted: no topic has it,
// clearing is not told of it, it is the first that ends, and it does so after the set time. It
// settles if the card itself comes to this lane meanwhile. What is given up is a debit behind such
// a thing whose card does not come back here: the gap in the card's counter tells clearing.
//
// No MAC2 came. A card of ours that was torn and a forged one that went silent look the same, so
// such an intent is open as any. What many of them push out is bounded by their order: the doubted
// end first, then the unconfirmed, then those of cards that have completed no payment at this lane
// (of the last 4,096 that have), or have more than two open here, and only then the others. So
// however many are forged, they end at most one intent of a card that pays here: the one that makes
// room for the first of them, if all 64 are such. An intent of a card that never paid here may have
// to make room, and then clearing is told of it. Who knows the number of a card that pays here can
// take its weight, by three silent dialogues under that number.
//
// What would break these promises: a record on topic intents that says of an intent that its
// outcome is known, and is a lie. Terminals alone may write there.
package intent
