// Command citycard is the operator's program: it clears, closes days, verifies
// the books and runs the demonstration of a whole city day. It reads no card
// itself and needs no cgo: readers belong to cardterm, simulated cards and
// cities to cardsim, which demo starts as its children.
//
// The data directory holds what it keeps:
//
//	database/     the private database, where no other is given
//	kafka/        the embedded broker's log, where no other is given
//	keys.age      the key service's store, encrypted
//	seal.key      the Ed25519 key that signs sealed days, made by "seal-key make"
//	books.id      the identity of the books to which the directory belongs
//	registry/     the files that found the registry (package clearing/registry)
//	rules/        the documents that found the rules (package clearing/rules)
//	settlement/   settlement files, a folder a day
//	seals/        what is published of sealed days
//	running.json  what a starting "serve" is busy with, and how to reach one that runs
package main
