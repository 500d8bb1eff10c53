package intake

import "sync"

// progress lets goroutines wait for the next commit of any partition. The zero
// value is ready.
type progress struct {
	mu sync.Mutex
	c  chan struct{}
}

// next returns a channel that the next signal closes.
func (p *progress) next() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.c == nil {
		p.c = make(chan struct{})
	}
	return p.c
}

// signal wakes all who wait.
func (p *progress) signal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.c != nil {
		close(p.c)
		p.c = nil
	}
}
