// Command cardterm is the terminal agent: it serves the card readers of one machine.
//
//	cardterm                watch readers, or take fares at gates and validators,
//	                        into the outbox and on to Kafka; with --trace the dialogues
//	                        with cards are printed in words while they go on
//	cardterm read           show what is on the card in the reader
//	cardterm trace          show the dialogue with a card, explained, as it goes on
//	cardterm issue          personalise cards by orders from standard input
//	cardterm list           show the readers and what is in them
//	cardterm doctor         look at everything that the agent needs
//	cardterm outbox         show, export and import the records that wait in a lane
//
// It reaches readers through PC/SC and is therefore linked with cgo; no other program of the
// project is.
package main
