// Package apdu holds the language between a card and a terminal: commands,
// answers and status words of ISO/IEC 7816-3 and -4, for both sides of the wire.
//
// Building a command is pure; talking is [Exchange], which hides what the
// transport makes of an answer (61xx, 6Cxx) and turns every status word but
// 9000 into a [*StatusError].
//
// Byte order is big-endian throughout.
package apdu
