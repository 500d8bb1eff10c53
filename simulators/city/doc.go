// Package city simulates a city from a seed: its residents and their actions on one day, played
// with real card dialogues through the terminals' own code. It issues the cards and writes the
// registry files. It simulates rides, top-ups, hospital visits and pensions, spoils a set share of
// the records, and reports each record to package truth.
//
// # The seed
//
// The residents and their plans follow only from the seed and the number of cards. Cards are
// divided among a fixed number of lots; a lot has its own SAMs, clocks and random numbers and is
// played by one worker from morning to night. So the same seed, day, key store and fares give, card
// by card, the same records in the same order, on any number of processors. The order between lots
// in the outbox is left to chance, as in a real city. But a card's records keep their order, so it
// is fixed which of two variants of a tap comes first.
//
// # Real readers
//
// The first cards of the city may ride at readers behind which terminals run that are programs of
// their own, and the next ones are sold, loaded and taken back at counters there. What these cards
// paid and got, they tell themselves, and so the truth knows it.
//
// # Faults
//
// Package plan lists them. Some cards are torn from a bus validator as they pay: the terminal sends
// the tap without a TAC. Of half of them it sends the tap when the card comes again, on that day or
// another; the others are not asked, and the books never hear of what they paid.
//
// A spoilt copy is always sent beside the original, since the original's
// money has left the purse. Cards that the load authority has to refuse carry money from before the
// ledger's first day.
//
// All persons, numbers and amounts are invented. Names and identity numbers are on
// the cards only; the registry files hold keyed tokens.
package city
