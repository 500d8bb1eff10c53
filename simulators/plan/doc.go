// Package plan is what the two simulated cities have in common: the cards and how they stand with
// the registry, the terminals' numbers, cards of other cities, the hours of a day, how much goes
// wrong, what it is called and which letters are sent about it. Two packages perform it: city with
// chips and the terminals' own code, crowd with arithmetic, for millions of cards. Start with City
// and Day.
//
// Each of the two has its own Dice. They draw in different ways and must not be merged, because a
// seed must always give the same city: a test of cmd/cardsim compares it with a stored result.
//
// # Faults
//
// Each fault imitates something that happens in the field. Shares sets how often it occurs, and the
// truth names the fault beside the record.
//
//	duplicate         a record is sent again, at once or much later (agent restarted)
//	out_of_order      a record is held back until later ones are gone
//	late              rides of yesterday evening arrive today (bus was offline)
//	tampered_FIELD_N  a copy of which byte N of a field differs, signed or not, before or after
//	                  the original
//	undecodable       bytes that are no message
//	invalid_field     a message with a field of impossible length
//	unknown_terminal  a ride at a SAM that is in no registry
//	wrong_clock       a ride at a validator whose clock is 400 days slow
//	unknown_card, card_expired, card_blocked
//	                  rides of cards that are not, no longer or not any more good
//	card_listed       rides of a card from the second on at which it was listed; the one a second
//	                  before is good
//	foreign           a ride of another city's card, whose master is not ours
//	issuer_not_accepted
//	                  a ride of a city's card that was accepted once
//
// By chips alone:
//
//	above_purse       a ride of another city's card for more than a purse may hold
//	unknown_person, unknown_hospital, not_insured, amounts_disagree
//	                  claims that must be refused
//	not_entitled, certification_lapsed, amount_differs, repeated_batch
//	                  lines of the pension list that must be refused, and a part of it sent twice
//	mistyped_month    the first part of the list for the same month of next year
//	pension_too_high, batch_too_large, no_rule
//	                  of the pension list, where a city's rules allow no such payment
//
// By arithmetic alone:
//
//	counter_gap       a record of 0 fen of this card was lost just before
//	sam_gap           this SAM began a transaction just before that no card finished
//
// All cards, persons and amounts are invented.
package plan
