package ledger

import (
	"hash/maphash"
	"slices"
	"sync/atomic"
)

// Recent is a stream owner's memory of the keys it posted lately, of fixed size. It is a hint: it
// may forget (the primary key then catches the repeat at the price of a second attempt) and it may
// be wrong (the suspect is looked up in vain; with 31-bit fingerprints, four to a set, that happens
// about twice in a thousand million look-ups). It serves one stream, one batch at a time.
type Recent struct {
	seed  maphash.Seed
	slots []uint32
	// wary counts the batches that still look all their keys up first, after a repeat came as a
	// surprise: repeats tend to come in runs, as when a terminal sends a day again.
	wary atomic.Int32
}

// recentWays is how many fingerprints share a set; the oldest of them is forgotten first.
const recentWays = 4

// warySpan is the number of batches that look their keys up first after a surprise.
const warySpan = 8

// NewRecent returns a memory of about the given number of keys, at 4 bytes each.
func NewRecent(keys int) *Recent {
	size := 1024
	for size < keys && size < 1<<26 {
		size *= 2
	}
	return &Recent{seed: maphash.MakeSeed(), slots: make([]uint32, size)}
}

// find returns a key's fingerprint and the slots it may be in, the newest first. A fingerprint is
// never zero; zero marks an empty slot. With one slot for each key, one of the hundred repeats in a
// batch of five thousand was forgotten in every second batch, and each such surprise makes the next
// batches look first.
func (r *Recent) find(k Key) (print uint32, set []uint32) {
	hash := maphash.Comparable(r.seed, k)
	first := hash >> 32 * recentWays & uint64(len(r.slots)-1)
	return uint32(hash) | 1, r.slots[first : first+recentWays]
}

func (r *Recent) holds(k Key) bool {
	if r == nil {
		return false
	}
	print, set := r.find(k)
	return slices.Contains(set, print)
}

func (r *Recent) add(k Key) {
	if r == nil {
		return
	}
	print, set := r.find(k)
	if slices.Contains(set, print) {
		return
	}
	copy(set[1:], set)
	set[0] = print
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
