// Package city is a seeded city: who lives there and what they do in one day,
// played with real card dialogues through the terminals' own code. It issues the
// cards, writes the registry files, rides, tops up, goes to hospital, pays
// pensions, spoils a set share of the records, and tells package truth of each.
//
// # The seed
//
// Who exists and what is planned follow from the seed and the number of cards
// alone. Cards are dealt to a fixed number of lots; a lot has SAMs, clocks and
// random numbers of its own and is played by one worker from morning to night.
// So the same seed, day, key store and fares give, card by card, the same records
// in the same order, however many processors there are. How the lots mix in the
// outbox is left to chance, as in a city; but a card's records keep their order,
// and so it is decided which of two variants of a tap comes first.
//
// # Faults
//
// Each imitates something that happens in the field; a share of the records is
// set for each (Shares), and the truth file names the fault beside the record.
//
//	duplicate         a record is sent again, at once or much later (agent restarted)
//	out_of_order      a record is held back until later ones are gone
//	late              a card's rides of yesterday evening arrive today (bus was offline)
//	tampered_FIELD_N  a copy of a tap or load of which byte N of a field differs, signed or
//	                  not, before or after the original
//	undecodable       bytes that are no message
//	invalid_field     a message with a field of impossible length
//	unknown_terminal  a ride at a SAM that is in no registry
//	wrong_clock       a ride at a validator whose clock is 400 days slow
//	unknown_card, card_expired, card_blocked
//	                  rides of cards that are not, no longer or not any more good
//	card_listed       rides of a card from the second on at which it was listed; the
//	                  one a second before is good
//	foreign           a ride of another city's card, whose master is not ours
//	issuer_not_accepted
//	                  a ride of a city's card that was accepted once
//	above_purse       a ride of another city's card for more than a purse may hold
//	unknown_person, unknown_hospital, not_insured, amounts_disagree
//	                  claims that must be refused
//	not_entitled, certification_lapsed, amount_differs, repeated_batch
//	                  lines of the pension list that must be refused, and a part of it sent twice
//	mistyped_month    the first part of the list for the same month of next year
//
// A spoilt copy is always sent beside the original, since the original's money
// has left the purse. Cards that the load authority would rightly refuse carry
// money from before the ledger's first day.
//
// All persons, numbers and amounts are invented. Names and identity numbers are on
// the cards only; the registry files hold keyed tokens.
package city
