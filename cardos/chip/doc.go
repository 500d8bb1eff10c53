// Package chip is the card's side of the wire: a card operating system in
// memory, with a file system, PINs, keys, the electronic purse and the
// social-security application. It answers raw command APDUs; what carries them
// (a virtual reader, a test, a simulated gate) does not concern it.
//
// Invariants:
//
//   - A command changes the card's lasting state in one step ([Chip.commit]) or
//     not at all. Everything is checked and staged before; power lost at any moment
//     leaves the state before the command or after it. What a composite purchase
//     caches becomes lasting with its DEBIT, together with balance, counter,
//     log and proof.
//   - Sessions die with the power: selection, challenge, authentication, PIN,
//     an initialized transaction.
//   - Any command but the one that continues it ends an initialized transaction.
//   - The same seed and the same commands give the same answers.
//   - No command, however malformed, panics or touches another card.
//
// A transit card speaks T=1 and answers at once; a social-security card and a SAM
// speak T=0 and let the terminal fetch answers (61xx, 6Cxx); a dual card does either,
// by the interface it is reached through.
//
// The profiles and what is on them: a transit card has the root and the purse
// application, with files 0015, 0016, 0017, 0018, 001A, 001E and the monthly tickets, and
// on request an application of the older city union, which shows the purse and has a
// number of its own; a social-security card has SSSE and, sharing its keys and its
// PIN, the directories DF01..DF04 and DF07; a SAM has the transit, highway
// and social-security applications.
//
// What sources leave open and the chip decides: GET TRANSACTION PROVE gives TAC,
// then MAC2 (sources disagree; the one recorded exchange has this order;
// [Chip.ProveMACFirst] is the other), and zeros for the MAC2 of a load; a record of
// file 001A is found by its own identifier, whatever P1 says; what the records of file
// EF0B hold, beside the names of the directories; moving from SSSE into its directories
// and among them keeps what was proved, selecting SSSE forgets it. Key 0A of a
// social-security card reads, key 04 writes, key 0D writes file EF0D, key 00 serves
// INTERNAL AUTHENTICATE; which of the keys 2B, 2C, 2D, 2E and 35, which one province's table names, reads which directory was
// not found, so 0A reads them all. How a card answers INTERNAL AUTHENTICATE was not
// published: ours is [ssc.GenuineCryptogram], stored on the card.
//
// Left out: file 0005 of the purse application, which two programs of one region ask for
// and no other card was seen to have. Left out because only names were found: unloading
// (80 50 05, 80 54 03), the algorithm switch of JT/T 978, SM2, SM3 and SM4 services, and what EXTERNAL AUTHENTICATE
// with key 00 opens on a social-security card.
package chip
