// Package vcard puts a virtual card into a PC/SC reader: it implements the card's side ("vicc") of
// the vpcd driver of the vsmartcard project, so that pcscd and everything above it see a real
// reader with a real card.
//
// vpcd listens; a slot connects to it. A connection is a card in the reader,
// closing it takes the card out. Messages are a 2-byte big-endian length and
// that many bytes. One-byte messages are the reader's own: 00 power off, 01
// power on, 02 reset, none of them answered, and 04 answered with the ATR.
// Anything longer is a command APDU and is answered with a response APDU.
//
// vpcd sends length and data as two small segments. With delayed
// acknowledgements on our side every APDU would take 40 ms, so on Linux each
// read is followed by TCP_QUICKACK, which the kernel forgets after use.
//
// pcscd polls for a card every 400 ms (its STATUS_POLL_RATE) and needs two polls to see a swap: one
// without a card, one with the new one. If a program sends a command between the two, vpcd passes
// it to the new card, which has no power yet; the card then leaves the reader for 600 ms and comes
// again, so that pcscd notices it.
package vcard
