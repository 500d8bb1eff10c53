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
// Package plan lists them. A spoilt copy is always sent beside the original, since the
// original's money has left the purse. Cards that the load authority would rightly
// refuse carry money from before the ledger's first day.
//
// All persons, numbers and amounts are invented. Names and identity numbers are on
// the cards only; the registry files hold keyed tokens.
package city
