// Package observe finds the books of a data directory, and waits for a process that starts to
// serve them. It looks at them from outside and holds them against the truth
// of a simulated city (package truth), in bounded memory: every row, every kept
// record, every verdict's count, every card's shadow balance. It reads a database or
// an export; citycard verify and cardsim check share it.
package observe
