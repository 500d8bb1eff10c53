// Package transcript records a dialogue with a card and prints it in words, in
// Chinese or English: for the technician who wants to know why a card
// misbehaves.
//
//	t := transcript.New(card)          // t is the card from now on
//	...
//	err := t.Write(os.Stdout, language.Chinese())
//
// Secrets are not recorded at all: of the data of PIN commands and of STORE DATA, and of all data
// with a holder's name or identity number, only the length is kept. Of a command that is not known
// to be harmless (of an unknown class) only the header is kept, and of bytes that are not a command
// only the length.
package transcript
