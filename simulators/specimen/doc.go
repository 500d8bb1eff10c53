// Package specimen makes personalised cards that look used, for testing readers without a simulated
// city. Everything follows from kind, seed and date; the same three give the same card, byte for
// byte.
//
// A transit card is an ordinary one without a holder. It has a balance, ten log records, thirty
// journeys, its last trips and a monthly ticket. They agree with each other because they were made
// the way real ones are: by loads and composite purchases through APDUs with a SAM. A
// social-security card has issuer, holder and every field of its directories; fields whose meaning
// is not known hold filler of the right coding (letters, digits); fingerprint and photograph are
// zero.
//
// All specimens have the test keys of [Keys], so that a specimen PSAM serves them, and
// the PIN 123456. Persons are invented; their identity numbers have an
// administrative code that is not in use (419999).
package specimen
