// Package transcript records a dialogue with a card and prints it in words, in
// Chinese or English: for the technician who wants to know why a card
// misbehaves.
//
//	t := transcript.New(card)          // t is the card from now on
//	...
//	err := t.Print(os.Stdout, apdu.Chinese)
//
// Secrets are not recorded at all: the data of PIN commands and of STORE DATA, and
// whatever carries a holder's name or identity number, are kept as a length. What
// is not known to be harmless (a command of an unknown class) is kept as its
// header, what is no command at all as a length.
package transcript
