package main

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// progress writes how far the phases are, as JSON lines, a few a second.
type progress struct {
	mu    sync.Mutex
	out   *json.Encoder
	last  time.Time
	every time.Duration
	now   func() time.Time
	err   error
}

// progressLine is one line on standard output.
type progressLine struct {
	Phase string `json:"phase"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

func newProgress(w io.Writer, now func() time.Time) *progress {
	return &progress{out: json.NewEncoder(w), every: 200 * time.Millisecond, now: now}
}

// report is told by several goroutines; the line that ends a phase is always
// written.
func (p *progress) report(phase string, done, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if done < total && now.Sub(p.last) < p.every || p.err != nil {
		return
	}
	p.last = now
	p.err = p.out.Encode(progressLine{phase, done, total})
}

// askLine asks for an update of the card that is at the desk.
type askLine struct {
	Ask  string `json:"ask"`
	From int    `json:"from"`
}

// ask asks for an update at the desk.
func (p *progress) ask(reason string, from int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = p.out.Encode(askLine{reason, from})
	}
}

// till asks for something at a counter.
func (p *progress) till(line tillLine) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = p.out.Encode(line)
	}
	return p.err
}

// Err is why lines could not be written: the listener is gone.
func (p *progress) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
