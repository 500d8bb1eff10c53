// Package chip is the card's side of the wire: a card operating system in memory, with a file
// system, PINs, keys, the electronic purse and the social-security application. It answers raw
// command APDUs and does not depend on what transports them (a virtual reader, a test, a simulated
// gate).
//
// Invariants:
//
//   - A command changes the card's permanent state in one step ([Chip.commit]) or not at all.
//     Everything is checked and staged before that step; after a loss of power at any moment the
//     state is that before the command or that after it. The records that a composite purchase
//     caches become permanent with its DEBIT, together with balance, counter, log and proof.
//   - A loss of power ends the session: selection, challenge, authentication, PIN, an initialized
//     transaction.
//   - An initialized transaction is ended by any command that does not continue it.
//   - The same seed and the same commands give the same answers.
//   - No command, however malformed, panics or touches another card.
//
// A transit card speaks T=1 and answers at once; a social-security card and a SAM speak T=0 and let
// the terminal fetch answers (61xx, 6Cxx); a dual card does either, depending on the interface in
// use.
//
// The profiles and what is on them: a transit card has the root and the purse
// application, with files 0015, 0016, 0017, 0018, 001A, 001E and the monthly tickets, and
// on request an application of the older city union, which shows the purse and has a
// number of its own; a social-security card has SSSE and, sharing its keys and its
// PIN, the directories DF01..DF04 and DF07; a SAM has the transit, highway
// and social-security applications.
//
// The sources leave some points open. The chip decides them as follows: GET TRANSACTION PROVE gives
// TAC, then MAC2 (sources disagree; the one recorded exchange has this order; [Chip.ProveMACFirst]
// sets the other), and zeros for the MAC2 of a load; a record of file 001A is found by its own
// identifier, whatever P1 says; the content of the records of file EF0B, besides the names of the
// directories, is ours; moving from SSSE into its directories and among them keeps what was proved,
// selecting SSSE forgets it. Key 0A of a social-security card reads, key 04 writes, key 0D writes
// file EF0D, key 00 serves INTERNAL AUTHENTICATE; one province's table names the keys 2B, 2C, 2D,
// 2E and 35, but not which of them reads which directory, so 0A reads them all. How a card answers
// INTERNAL AUTHENTICATE was not published: our way is [ssc.GenuineCryptogram], stored on the card.
//
// Not implemented: file 0005 of the purse application, which two programs of one region ask for and
// which was seen on no other card. Not implemented because only names were found: unloading (80 50
// 05, 80 54 03), the algorithm switch of JT/T 978, SM2, SM3 and SM4 services, and what EXTERNAL
// AUTHENTICATE with key 00 opens on a social-security card.
package chip
