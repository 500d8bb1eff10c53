package main

import (
	"sync"
	"time"

	"citycard/cmd/service"
	"citycard/language"
)

// clock watches the machine's clock, whose second a card signs. It is right as long as the brokers
// have confirmed it since it last jumped; until they have been heard, if a time service keeps it.
type clock struct {
	built time.Time            // when this program was made; zero where that is not known
	isSet func() (bool, error) // whether a time service keeps it

	mu     sync.Mutex
	last   time.Time     // of the last look
	jumped bool          // since the brokers were heard
	heard  bool          // the brokers, since the start
	off    time.Duration // from their clock, when they were heard
}

func newClock() *clock {
	c := &clock{isSet: clockIsSet, last: time.Now()}
	if built, err := time.Parse(time.RFC3339, service.ReadVersion("cardterm").Time); err == nil {
		c.built = built
	}
	return c
}

var (
	// errClockUnset: no card could be charged the right fare.
	errClockUnset = language.Textf("the clock is before the day on which this program was made")
	errClockKept  = language.Textf("nobody sets the clock, and the brokers have not confirmed it since the start")
	errClockJumps = language.Textf("the clock has jumped, and the brokers have not confirmed it since")
	errClockOff   = language.Textf("the clock is not the brokers'")
)

// look notes that it is now, and says what is wrong with the clock: nil, errClockUnset, or one of
// the errors with which cards can still be charged.
func (c *clock) look(now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pass(now.Round(0).Sub(c.last.Round(0)), now.Sub(c.last))
	c.last = now
	switch {
	case now.Before(c.built):
		return errClockUnset
	case c.jumped:
		return errClockJumps
	case c.heard && c.off > clockSlack:
		return language.Textf("%w: %d seconds are between them", errClockOff, int(c.off.Seconds()))
	case c.heard:
		return nil
	}
	if set, err := c.isSet(); err == nil && !set {
		return errClockKept
	}
	return nil
}

// pass notes how much time has gone by, by the clock and without it.
func (c *clock) pass(byClock, truly time.Duration) {
	if (byClock - truly).Abs() > clockSlack {
		c.jumped = true
	}
}

// hear notes what the brokers' clock showed at some moment between two.
func (c *clock) hear(before, after, theirs time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = max(0, before.Round(0).Sub(theirs), theirs.Sub(after.Round(0)))
	c.heard, c.jumped = true, false
}

// sure reports whether the brokers have confirmed the clock since it jumped: else they are asked
// again soon.
func (c *clock) sure() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard && !c.jumped && c.off <= clockSlack
}
