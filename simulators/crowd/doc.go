// Package crowd is a city of millions whose days are not lived but written down: a
// card is ten bytes of state instead of a chip, and a tap is what chip, terminal and
// SAM would have agreed on, with the TAC that the card would have made. It feeds load
// tests, with hundreds of thousands of records a second; package city plays the same
// network with real card dialogues.
//
// # The seed
//
// The same city, day, key store, fares and options give the same records, byte for
// byte, on however many processors. Riders are dealt to plan.Lots lots with terminals
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
// Package plan lists the faults. All cards and amounts are invented.
package crowd
