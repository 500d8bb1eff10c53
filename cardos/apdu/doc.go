// Package apdu holds the language between a card and a terminal: commands,
// answers and status words of ISO/IEC 7816-3 and -4, for both sides of the wire.
//
// Building a command is pure; [Exchange] sends one: it hides how the transport splits an answer
// (61xx, 6Cxx) and turns every status word except 9000 into a [*StatusError].
//
// Byte order is big-endian throughout.
package apdu
