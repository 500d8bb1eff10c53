package ledger

import (
	"hash/maphash"
	"sync/atomic"
)

// Recent is a stream owner's memory of the keys it posted lately, of fixed size. It is a hint: it may forget (the primary
// key then catches the repeat at the price of a second attempt) and it may be wrong (the suspect is looked up in vain).
// It serves one stream, one batch at a time.
type Recent struct {
	seed  maphash.Seed
	slots []uint64
	// wary counts the batches that still look all their keys up first, after a repeat came as a surprise: repeats tend
	// to come in runs, as when a terminal sends a day again.
	wary atomic.Int32
}

// warySpan is how many batches look first after a surprise.
const warySpan = 8

// NewRecent returns a memory of about the given number of keys (8 bytes each).
func NewRecent(keys int) *Recent {
	size := 1024
	for size < keys && size < 1<<26 {
		size *= 2
	}
	return &Recent{seed: maphash.MakeSeed(), slots: make([]uint64, size)}
}

// print returns a fingerprint that is never zero, the mark of an empty slot.
func (r *Recent) print(k key) uint64 {
	return maphash.Comparable(r.seed, k) | 1
}

func (r *Recent) slot(print uint64) *uint64 {
	return &r.slots[(print>>1)&uint64(len(r.slots)-1)]
}

func (r *Recent) holds(k key) bool {
	if r == nil {
		return false
	}
	print := r.print(k)
	return *r.slot(print) == print
}

func (r *Recent) add(k key) {
	if r == nil {
		return
	}
	print := r.print(k)
	*r.slot(print) = print
}

func (r *Recent) surprised() {
	if r != nil {
		r.wary.Store(warySpan)
	}
}

// looksFirst reports whether the next batch should look all its keys up.
func (r *Recent) looksFirst() bool {
	if r == nil || r.wary.Load() <= 0 {
		return false
	}
	r.wary.Add(-1)
	return true
}
