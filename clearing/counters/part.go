package counters

import (
	"bytes"
	"context"

	"citycard/ledger/shadow"
)

// counterLimit is the highest number of a card's counters, which have two bytes.
const counterLimit = 0xFFFF

// part is one part of a day's pass while it is computed.
type part struct {
	shadow.Part
	number   int // from 1
	rows     int64
	cards    int64
	packer   packer
	uses     uses
	findings []Finding
	unread   unread
}

// compute computes a part: what was booked for its cards, on top of their histories.
func (p *pass) compute(ctx context.Context, number int, of shadow.Part) (*part, error) {
	result := &part{Part: of, number: number, packer: packer{limit: p.limit(), row: packed{after: of.After}}, unread: p.unread}
	events := make([]event, 0, p.size()*5/4)
	result.uses.signed = make([]use, 0, p.size()*5/4)
	err := shadow.ScanPart(ctx, p.Ledger, p.day, of, func(e *shadow.Entry) error {
		result.rows++
		booked, _ := p.sorter.booked.Entry(e)
		result.uses.take(e, booked)
		if ev, ok := p.sorter.event(e, booked); ok {
			events = append(events, ev)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sortEvents(events)
	err = p.earlier(ctx, of, func(packed []byte) error {
		events, err = result.merge(packed, events)
		return err
	})
	if err != nil {
		return nil, err
	}
	result.begin(events)
	return result, nil
}

// merge takes a packed part of the day before: its cards, and the events of those and
// of new ones before its last card. It returns the events that are left.
func (p *part) merge(packed []byte, events []event) ([]event, error) {
	r := reader{b: packed}
	var c card
	for len(r.b) > 0 {
		if r.card(&c); r.err != nil {
			return nil, r.err
		}
		if !p.Holds(c.number[:]) {
			continue
		}
		n := 0
		for n < len(events) && compareCards(&events[n].number, &c.number) < 0 {
			n++
		}
		p.begin(events[:n])
		events = events[n:]
		if len(events) == 0 || events[0].number != c.number {
			if c.taps.held == 0 && c.loads.held == 0 {
				p.keep(&c)
			} else {
				p.live(&c, nil)
			}
			continue
		}
		n = count(events)
		p.live(&c, events[:n])
		events = events[n:]
	}
	return events, nil
}

// count is how many of the first events are of one card.
func count(events []event) int {
	n := 1
	for n < len(events) && events[n].number == events[0].number {
		n++
	}
	return n
}

// begin takes the events of cards that have no history yet.
func (p *part) begin(events []event) {
	for len(events) > 0 {
		n := count(events)
		p.live(&card{number: events[0].number}, events[:n])
		events = events[n:]
	}
}

// live applies the day's events to a card.
func (p *part) live(c *card, events []event) {
	tap, load, far := c.taps.next, c.loads.next, c.taps.far
	for i := range events {
		e := &events[i]
		c.shadow += e.moved
		if e.kind != 0 && e.of > counterLimit {
			p.find(CounterImpossible, c.number[:], run{e.of, e.of}, 0)
			continue
		}
		switch e.kind {
		case fromTap:
			if c.taps.add(e.of) == twice {
				p.find(CounterTwice, c.number[:], run{e.of, e.of}, 0)
			}
		case fromLoad:
			c.loads.add(e.of)
		}
		if now := (reading{e.time, e.kind, e.of, e.balance}); e.read && (!c.balanceKnown || c.reading.earlier(now)) {
			c.reading, c.balanceKnown = now, true
		}
	}
	for _, g := range c.taps.report(tap, p.unread.taps) {
		p.find(CounterGap, c.number[:], g, 0)
	}
	for _, g := range c.loads.report(load, p.unread.loads) {
		p.find(LoadGap, c.number[:], g, 0)
	}
	p.balance(c)
	c.taps.giveUp()
	c.loads.giveUp()
	if c.taps.far != 0 && c.taps.far != far {
		p.find(CounterJump, c.number[:], run{c.taps.far - 1, c.taps.far - 1}, 0)
	}
	p.keep(c)
}

// balance compares the last reading of the card with what the ledger says. If some of the day's
// records were left for the next day, the next day makes the comparison.
func (p *part) balance(c *card) {
	difference := c.reading.balance - c.shadow
	switch {
	case !c.balanceKnown || difference == c.difference:
	case p.unread.taps || p.unread.loads:
		if c.taps.held == 0 {
			c.taps.held = c.taps.next + 1
		}
	default:
		c.difference = difference
		p.find(Balance, c.number[:], run{}, difference)
	}
}

// earlier reports whether the reading is from before another.
func (r reading) earlier(other reading) bool {
	if r.time != other.time {
		return r.time < other.time
	}
	if r.kind != other.kind {
		return r.kind < other.kind
	}
	return r.counter < other.counter
}

func (p *part) keep(c *card) {
	p.cards++
	p.packer.add(c.number[:], c.append)
}

func (p *part) find(kind Kind, subject []byte, numbers run, fen int64) {
	f := Finding{kind, bytes.Clone(subject), numbers.first, numbers.last, fen}
	// Three taps may have the same number; it is reported once.
	if n := len(p.findings); n > 0 && p.findings[n-1].Kind == kind && p.findings[n-1].First == f.First && bytes.Equal(p.findings[n-1].Subject, subject) {
		return
	}
	p.findings = append(p.findings, f)
}
