// Package specimen makes personalised cards that look lived with: for readers that
// are to find something on a card without a city around it. Everything follows from
// kind, seed and date; the same three give the same card, byte for byte.
//
// A transit card is an ordinary one without a holder. It has a balance, ten log records,
// thirty journeys, its last trips and a monthly ticket. They agree with each other because they
// were made the way real ones are: by loads and composite purchases through APDUs
// with a SAM. A social-security card has issuer, holder and every field of its
// directories; those whose meaning is not known hold filler of the right coding
// (letters, digits), the fingerprint and the photograph are left zero.
//
// All specimens have the test keys of [Keys], so that a specimen PSAM serves them, and
// the PIN 123456. Persons are invented; their identity numbers have an
// administrative code that is not in use (419999).
package specimen
