// Package counter is the service counter: it personalises blank cards and puts
// money on purses.
//
// Everything on a card is written through APDUs, so that a card in a reader and
// a chip in memory are issued by the same code. Personalisation is not repeatable:
// a card whose personalisation was cut half-way is scrap and is put aside; the
// order is repeated with a new blank.
//
// A load creates money. The order of its steps decides who can lose:
//
//	card:      INITIALIZE FOR LOAD -> balance, online sequence, random, MAC1
//	authority: order, MAC1 -> MAC2   (the authority books the order before it answers)
//	card:      CREDIT FOR LOAD       -> TAC
//
//	what fails              the card         the money          do
//	before the authority    unchanged        not booked         start again
//	its answer is lost      unchanged        maybe booked       start again with the same order
//	CREDIT is refused       unchanged        booked, unwritten  refund, or a new try under the same order
//	no usable answer        is unknown       booked             *UnknownError: ResolveLoad with the same card
//	to CREDIT
package counter
