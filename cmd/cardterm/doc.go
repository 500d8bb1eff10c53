// Command cardterm is the terminal agent: it serves one card reader.
//
//	cardterm                watch the reader, or take fares as a gate or validator,
//	                        into the outbox and on to Kafka; with --trace the dialogues
//	                        with cards are printed in words while they go on
//	cardterm read           show what is on the card in the reader
//	cardterm trace          show the dialogue with a card, explained, as it goes on
//	cardterm issue          personalise cards by orders from standard input
//
// It reaches readers through PC/SC and is therefore linked with cgo; no other program of the
// project is.
package main
