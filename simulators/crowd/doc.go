// Package crowd is a city of millions whose days are not lived but written down: a
// card is ten bytes of state instead of a chip, and a tap is what chip, terminal and
// SAM would have agreed on, with the TAC that the card would have made. It feeds load
// tests, with hundreds of thousands of records a second; package city plays the same
// network with real card dialogues.
//
// # The seed
//
// The same city, day, key store, fares and options give the same records, byte for
// byte, on however many processors. Riders are dealt to city.Lots lots with terminals
// of their own; one worker writes a lot's day from its first record to its last, and
// what one lot sends is in a fixed order. How lots mix on the way is left to chance.
//
// An order seed changes in which order a lot's records are sent, and nothing else:
// variants of one tap keep their order, since the first one counts; so the truth is
// the same set of records. A day may also be sent in several parts, the clearing day
// being closed between them: the truth is that of the whole day.
//
// A day that was interrupted may be written again: its records are the same, so they
// are duplicates, and what the cards hold is saved when the day is over.
//
// # Money
//
// Riders' purses were filled before the ledger's first day (registry/purses.csv).
// Nobody tops up; who has less than ten yuan left stays at home. Cards that ride are
// the first ones of the registry; the others only stand in it.
//
// # Faults
//
// Shares sets how many; the truth names the fault beside each record.
//
//	duplicate         the same bytes again, at once or much later
//	late              rides of yesterday evening arrive today
//	out_of_order      a record is held back until later ones are gone
//	tampered_FIELD_N  a copy of which byte N of a field differs, sent before or after the
//	                  original: a signed one (the TAC no longer fits) or an unsigned
//	                  one (the same tap)
//	undecodable, invalid_field
//	                  bytes that are no message; a TAC of three bytes
//	unknown_terminal  a ride at a SAM that is in no registry
//	wrong_clock       a ride at a validator whose clock is 400 days slow
//	unknown_card, card_expired, card_blocked
//	                  rides of cards that are not, no longer or not any more good
//	card_listed       rides of a card from the second on at which it was listed; the
//	                  one a second before is good
//	foreign           a ride of another city's card, whose master is not ours
//	issuer_not_accepted
//	                  a ride of a city's card that was accepted once
//	counter_gap       a record of 0 fen of this card was lost just before
//	sam_gap           this SAM began a transaction just before that no card finished
//
// All cards and amounts are invented.
package crowd
