// Package personalisation holds the data that an issuer sends to a blank card, for both sides of
// the wire: keys and PIN by STORE DATA in data groupings, framed as in the EMV Card Personalization
// Specification.
//
// A blank card comes from its maker with a transport key, that of its batch. The issuer
//
//  1. selects the application,
//  2. authenticates: GET CHALLENGE 8, EXTERNAL AUTHENTICATE key 00 under a key that is derived
//     from the transport key ([AnswerKey]),
//  3. writes the files with UPDATE BINARY and UPDATE RECORD,
//  4. stores the keys (and the PIN) with STORE DATA,
//  5. ends it: on a transit card by writing 01 to byte 9 of file 0015, on a
//     social-security card by setting the last-block bit of STORE DATA.
//
// From then on the card refuses steps 2 (key 00) and 4, and guards its files.
//
// Known from a real personalisation file of a union card: grouping B0A0 holds fifteen entries of 19
// bytes in the order of [keys.Role], 3DES. No source was found for the following, which is
// therefore ours: the three bytes before each key (key type as FMCOS numbers it, version,
// algorithm), the encryption of the key itself (3DES-ECB under a key that is derived from the
// transport key and the challenge, [SealKey]), the grouping B0C0 of the social-security card,
// and B0D0, the purse's overdraft limit (later UPDATE OVERDRAFT LIMIT changes it). Nor was a
// source found for how a maker derives the transport key of each chip from that of its batch: here
// all blanks of a batch have the batch's. 8010 and 9010 are the PIN groupings of the EMV
// specification.
package personalisation
