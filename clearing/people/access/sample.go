package access

import (
	"sync"
	"time"
)

// sample lets one of many log lines through: lines that strangers can cause must not fill the log.
type sample struct {
	every time.Duration

	mu     sync.Mutex
	next   time.Time
	passed int64
}

// due reports whether it is time for the next line, and how many were left out before it.
func (s *sample) due(now time.Time) (passed int64, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.next) {
		s.passed++
		return 0, false
	}
	passed, s.passed, s.next = s.passed, 0, now.Add(s.every)
	return passed, true
}
