package main

import "sync"

// spareSAMs are the SAMs that no lane has of its own.
type spareSAMs struct {
	all []spareFlags

	mu    sync.Mutex
	taken map[string]bool // by their readers
}

// free names the readers of those that may stand at a place, and are in no lane.
func (s *spareSAMs) free(place placeFlags) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.all {
		if one.at(place) && !s.taken[one.sam] {
			names = append(names, one.sam)
		}
	}
	return names
}

// take reserves one; false if another lane was faster.
func (s *spareSAMs) take(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken == nil {
		s.taken = map[string]bool{}
	}
	if s.taken[name] {
		return false
	}
	s.taken[name] = true
	return true
}

func (s *spareSAMs) giveBack(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, name)
}
