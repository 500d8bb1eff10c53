package proposal

import (
	"sync"
	"time"
)

const (
	// mostRehearsed is how much content dry runs keep at once, each up to MaxContent.
	mostRehearsed = 4
	// rehearsedFor is how long a dry run may take from its draft to its end.
	rehearsedFor = 10 * time.Minute
)

// Rehearsed keeps the content that dry runs ask for by its digest, in memory, where a ledger that
// rehearses keeps nothing: the newest few, each for some minutes. The zero value is empty.
type Rehearsed[T any] struct {
	mu   sync.Mutex
	kept []*rehearsal[T] // oldest first
}

type rehearsal[T any] struct {
	digest  string
	content T
}

// Keep keeps content for the requests that follow.
func (r *Rehearsed[T]) Keep(digest string, content T) {
	one := &rehearsal[T]{digest, content}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept = append(r.without(func(o *rehearsal[T]) bool { return o.digest == digest }), one); len(r.kept) > mostRehearsed {
		r.kept = r.kept[1:]
	}
	time.AfterFunc(rehearsedFor, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.kept = r.without(func(o *rehearsal[T]) bool { return o == one })
	})
}

// Find gives the content of a digest, if it is kept still.
func (r *Rehearsed[T]) Find(digest string) (content T, found bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.kept {
		if one.digest == digest {
			return one.content, true
		}
	}
	return content, false
}

func (r *Rehearsed[T]) without(leaves func(*rehearsal[T]) bool) (rest []*rehearsal[T]) {
	for _, one := range r.kept {
		if !leaves(one) {
			rest = append(rest, one)
		}
	}
	return rest
}
