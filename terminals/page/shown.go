package page

import (
	"sync"
	"time"
)

// shown keeps what a page has shown last, until somebody agrees to it, once. Of what was shown
// before nothing is good any more. The zero value has nothing.
type shown[T any] struct {
	mu    sync.Mutex
	id    string
	what  T
	until time.Time
}

// keep keeps what is shown until a time, under a new id.
func (s *shown[T]) keep(what T, until time.Time) (id string, err error) {
	if id, err = random(tokenBytes); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.id, s.what, s.until = id, what, until
	return id, nil
}

// take takes what was shown under an id.
func (s *shown[T]) take(id string, now time.Time) (what T, there bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" || id != s.id {
		return what, false
	}
	what, s.id = s.what, ""
	var none T
	s.what = none
	return what, now.Before(s.until)
}
