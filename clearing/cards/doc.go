// Package cards keeps the life of each card: what it was sold as, what was done with it and by
// whom, and what it costs or gives back.
//
// A counter does one thing with one card (an [Order]), signed by who sits there. Each is a row
// that is only added (card_steps), a row of the card as it stands (cards), and one chain of the
// ledger: a note with what was done, and the transfers of its money. All are in one transaction.
//
//	sold            channel:ID → fees:own       price and fee
//	                channel:ID → deposits:own   deposit
//	deposit cut     deposits:own → channel:ID   what is held above today's deposit
//	replaced        channel:ID → fees:own       fee; the deposit goes over to the new card
//	returned        deposits:own → channel:ID   deposit; the purse was emptied by a tap before
//	handed in       nothing moves; the card is listed
//	refunded        float:own → channel:ID      shadow balance, after the days of the product
//	                deposits:own → channel:ID   deposit
//
// A shift books what is over and short in its drawer (channel:ID → differences:own), and what is
// handed over and the bank has not received (channel:ID → handed:ID).
//
// By rule, without anybody:
//
//	transferred     float:own → waiting:own      what a replaced card has, for the last one
//	settled         overdrawn:own → float:own    what an ended or inactive card is overdrawn
//	                deposits:own → overdrawn:own what the deposit of the last card pays of that
//	owed            float:own → waiting:own      what came late to a card that was given back
//	shelved         float:own → inactive:own     what an inactive card has, until it is used
//
// What the bank says of the bank function of a social-security card comes in files ([BankFile]).
// Each row is a step of the card, which moves no money and changes nothing else.
//
// What a card costs, and what is given back, is in the documents of products ([Rules]).
//
// # What holds
//
//   - An order number is one order's for ever. The same order again has the same answer and does
//     nothing; another one under its number is refused.
//   - What was signed names the money that goes over the counter. If the rules say otherwise by
//     then, nothing is done.
//   - A deposit is given back once: it is in the card's row, which is locked.
//   - The holder of a registered card is a keyed token. Nothing else of the person is kept, and who
//     acts as the holder must show the same certificate.
package cards
