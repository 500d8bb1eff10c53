// Package reader reaches cards through PC/SC readers. It is the only package
// that needs cgo (pcsc-lite's library on Linux).
//
// An Observer watches all readers with one call, through pcscd's ends and starts and while readers
// come and go. A Reader waits for cards; a Card in it answers raw APDUs and is an apdu.Card. While
// a Card is open this program has exclusive use of the reader: no other program can send a command
// between two of ours.
//
// Every PC/SC failure is mapped to one of the errors below, according to what the caller does next.
// Its text is one line that says what to do. ErrCardGone during Transmit means that the command may
// or may not have been carried out.
//
// The card side may be broken or hostile: an answer is at most 64 kB, an empty command is refused
// here (the library would crash), and a panic of the library is returned as an error. A card that
// never answers blocks the reader's driver. Transmit then returns when its context ends, and the
// card is unusable until it is taken out. Each Reader has a context of the library of its own,
// since a call that does not return blocks all others of its context; until it returns, the reader
// cannot be opened again.
package reader
