package city

import (
	"cmp"
	"fmt"
	"slices"

	"citycard/simulators/truth"
	"citycard/terminals/outbox"
)

// together is how many records a lot puts into the outbox at once, as a station's
// collector does for its gates.
const together = 128

// letter is a record to be sent, with the data that truth needs about it.
type letter struct {
	key   string // of the Kafka record
	entry truth.Entry
}

// held is a letter that waits until a number of others have been sent.
type held struct {
	letter
	due int
}

// sender puts one lot's records into the outbox and enters each in the truth at
// that moment, so that both have the same order. Only one goroutine uses it.
type sender struct {
	out     *outbox.Log
	book    *truth.Book
	records []truth.Record
	batch   []outbox.Record
	waiting []held // by due, then by when they were held
	count   func(int)
}

func newSender(out *outbox.Log, count func(int)) *sender {
	return &sender{out: out, book: truth.NewBook(), count: count}
}

// send sends a letter, and those that had waited for it.
func (s *sender) send(l letter) error {
	if err := s.put(l); err != nil {
		return err
	}
	for len(s.waiting) > 0 && s.waiting[0].due <= len(s.records) {
		next := s.waiting[0].letter
		s.waiting = s.waiting[1:]
		if err := s.put(next); err != nil {
			return err
		}
	}
	return nil
}

// hold sends a letter after so many others.
func (s *sender) hold(l letter, after int) {
	due := len(s.records) + after
	i, _ := slices.BinarySearchFunc(s.waiting, due, func(h held, due int) int {
		return cmp.Or(cmp.Compare(h.due, due), -1) // behind its equals
	})
	s.waiting = slices.Insert(s.waiting, i, held{l, due})
}

func (s *sender) put(l letter) error {
	s.records = append(s.records, s.book.Enter(l.entry))
	s.batch = append(s.batch, outbox.Record{Topic: l.entry.Topic, Key: []byte(l.key), Value: l.entry.Value})
	if len(s.batch) < together {
		return nil
	}
	return s.deliver()
}

// putLines sends one message that holds many records.
func (s *sender) putLines(key string, entries []truth.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for _, e := range entries {
		s.records = append(s.records, s.book.Enter(e))
	}
	s.batch = append(s.batch, outbox.Record{Topic: entries[0].Topic, Key: []byte(key), Value: entries[0].Value})
	return nil
}

// deliver makes what was sent so far durable.
func (s *sender) deliver() error {
	if len(s.batch) == 0 {
		return nil
	}
	if err := s.out.Append(s.batch...); err != nil {
		return fmt.Errorf("city: outbox: %w", err)
	}
	s.count(len(s.batch))
	s.batch = s.batch[:0]
	return nil
}

// finish sends what still waits.
func (s *sender) finish() error {
	for _, h := range s.waiting {
		if err := s.put(h.letter); err != nil {
			return err
		}
	}
	s.waiting = nil
	return s.deliver()
}
