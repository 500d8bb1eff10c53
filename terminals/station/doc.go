// Package station is the desk at a metro station: it finds out what is wrong with a card, and
// corrects it (票务更新) in one payment dialogue, like a gate's. The dialogue with the card is package
// card's; its records are those of package gate.
//
// Analyse says for one side of the gates what keeps a card from passing, the first of:
//
//	unreadable, not a transit card, blocked
//	open: the gates are, in an emergency, and no update is made
//	not in use yet, expired, of another city, listed
//	no fare: the table in force has no price for the card
//	outside (非付费区)   has an entry (10), or one past the time limit (12)
//	inside (付费区)      no entry (03), an entry in the future, past the time limit (01), too
//	                     little money for the trip (02)
//
// The numbers are reasons of updates (更新原因), as one public header of a metro's desk reader has
// them (quange-style/SmartCard, CSReader/CSReader/api/Structs.h, 2.9; an older header of the same
// repository, readertools/CSTester/BaseDefine.h, has the same table). Other cities number them in
// other ways. No header says what an update costs or writes; that is ours:
//
//	reason         the update                                     the card afterwards
//	01 02 10 12    ends the trip here, for what a gate takes:     outside; it may enter
//	               its fare, or the highest past the time limit
//	03, a station  writes the entry there, now, for nothing       inside; the gate takes the fare
//	03, no station ends the trip here, for the highest fare       outside; it may enter
//
// Every amount is one of the fare table in force, or nothing where a service mode makes the trip
// free, and is paid from the card, in cash, or from the
// card as far as it goes and the rest in cash. An update is a composite purchase of what the card
// pays, 0 fen if that is nothing, so the card signs it in each case; the cash is what the desk
// says, under the name of its staff. A trip that is ended leaves a journey of type 08, fare
// adjustment: a gate does not open for it, and staff let the passenger out.
//
// An offer is what the staff saw when they agreed to it: card, counter, balance, amounts, fare
// table. Update carries it out on that card in that state, and on no other.
package station
