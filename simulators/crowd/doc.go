// Package crowd simulates a city of millions by arithmetic, without card dialogues: a card is ten
// bytes of state instead of a chip, and a tap is the record that chip, terminal and SAM would have
// produced, with the TAC that the card would have made. It feeds load tests, with hundreds of
// thousands of records a second; package city plays the same network with real card dialogues.
//
// # The seed
//
// The same city, day, key store, fares and options give the same records, byte for byte, on any
// number of processors. Riders are divided among plan.Lots lots, each with its own terminals; one
// worker writes a lot's day from its first record to its last, and the records of one lot are in a
// fixed order. The order between lots is left to chance.
//
// An order seed changes only the order in which a lot's records are sent. Variants of one tap keep
// their order, since the first one counts, so the truth is the same set of records. A day may also
// be sent in several parts, with the clearing day closed between them; the truth is that of the
// whole day.
//
// A day that was interrupted may be written again: its records are the same, so they are
// duplicates. The cards' state is saved when the day is over.
//
// # Money
//
// Riders' purses were filled before the ledger's first day (registry/purses.csv). Nobody tops up; a
// rider with less than ten yuan left stays at home. The first cards of the registry ride; the
// others are only registered.
//
// Package plan lists the faults. All cards and amounts are invented.
package crowd
