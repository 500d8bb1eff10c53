package main

import (
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/outbox"
)

// newPolicy is a policy whose lanes had everything at a time, with a clock that somebody sets.
func newPolicy(path string, flags policyFlags, latest *int64) *policy {
	p := openPolicy(flags, slog.New(slog.DiscardHandler), path, func() int64 { return *latest })
	p.clock = &clock{isSet: func() (bool, error) { return true, nil }}
	return p
}

// TestClock: what is wrong with a clock, by whether a time service keeps it, what the brokers'
// showed and whether it has jumped.
func TestClock(t *testing.T) {
	now := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return now.Add(time.Duration(seconds) * time.Second) }
	for _, test := range []struct {
		name string
		set  bool
		do   func(*clock)
		want error
	}{
		{"kept by a time service", true, func(*clock) {}, nil},
		{"nobody sets it", false, func(*clock) {}, errClockKept},
		{"nobody sets it, the brokers confirm it", false, func(c *clock) { c.hear(at(-1), at(0), at(0)) }, nil},
		{"two seconds off while the answer took three", false, func(c *clock) { c.hear(at(-3), at(0), at(2)) }, nil},
		{"ahead of the brokers", true, func(c *clock) { c.hear(at(-1), at(0), at(-10)) }, errClockOff},
		{"behind the brokers", true, func(c *clock) { c.hear(at(-1), at(0), at(10)) }, errClockOff},
		{"set right since", true, func(c *clock) { c.hear(at(-1), at(0), at(10)); c.hear(at(-1), at(0), at(0)) }, nil},
		{"jumped ahead", true, func(c *clock) { c.hear(at(-1), at(0), at(0)); c.pass(time.Hour, time.Minute) }, errClockJumps},
		{"jumped back", true, func(c *clock) { c.hear(at(-1), at(0), at(0)); c.pass(-time.Hour, time.Minute) }, errClockJumps},
		{"time goes by", true, func(c *clock) { c.pass(time.Hour, time.Hour) }, nil},
		{"confirmed since it jumped", true, func(c *clock) { c.pass(time.Hour, time.Minute); c.hear(at(-1), at(0), at(0)) }, nil},
		{"before the program was made", true, func(c *clock) { c.hear(at(-1), at(0), at(0)); c.built = at(1) }, errClockUnset},
	} {
		c := &clock{isSet: func() (bool, error) { return test.set, nil }, last: now}
		test.do(c)
		if err := c.look(now); !errors.Is(err, test.want) || test.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

// TestPolicy: what a lane does that is behind, or whose clock is wrong, by its settings; an agent
// that starts without the brokers knows when the last one had everything.
func TestPolicy(t *testing.T) {
	now, path, latest := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), filepath.Join(t.TempDir(), "current"), int64(0)
	behind, unsure := message.Mark_MARK_BEHIND, message.Mark_MARK_CLOCK
	look := func(p *policy, at time.Time, want ...message.Mark) {
		t.Helper()
		if marks, err := p.look(at); err != nil || !slices.Equal(marks, want) {
			t.Errorf("at %s: %v, %v, want %v", at, marks, err, want)
		}
	}
	p := newPolicy(path, policyFlags{behindDays: 3}, &latest)
	look(p, now, behind) // it has never had anything
	latest = now.Unix()
	look(p, now)
	must(t, p.keep(now))
	look(p, now.Add(72*time.Hour))
	look(p, now.Add(72*time.Hour+time.Second), behind)
	p.clock.jumped = true
	look(p, now.Add(73*time.Hour), unsure, behind)

	latest = 0
	look(newPolicy(path, policyFlags{behindDays: 3}, &latest), now.Add(71*time.Hour))
	look(newPolicy(path, policyFlags{behindDays: 3}, &latest), now.Add(73*time.Hour), behind)
	look(newPolicy(path, policyFlags{}, &latest), now.Add(73*time.Hour)) // 0 days: never

	p = newPolicy(path, policyFlags{behindDays: 3, behind: onFault{refuse: true}}, &latest)
	look(p, now)
	if marks, err := p.look(now.Add(73 * time.Hour)); marks != nil || err == nil || !strings.Contains(err.Error(), "were last read on 2026-11-24") {
		t.Errorf("a lane that is behind and refuses: %v, %v", marks, err)
	}
	p = newPolicy(path, policyFlags{clock: onFault{refuse: true}}, &latest)
	p.clock.jumped = true
	if _, err := p.look(now); !errors.Is(err, errClockJumps) {
		t.Errorf("a lane whose clock has jumped and that refuses: %v", err)
	}
	p = newPolicy(path, policyFlags{}, &latest)
	p.clock.built = now.Add(time.Second)
	if _, err := p.look(now); !errors.Is(err, errClockUnset) {
		t.Errorf("a lane whose clock was never set: %v", err)
	}
}

// TestPolicyAfterAClockThatWasAhead: what a clock that was ahead has noted counts for nothing once
// it is right, in this run and in the next; the next reading is noted in its place.
func TestPolicyAfterAClockThatWasAhead(t *testing.T) {
	now, path := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), filepath.Join(t.TempDir(), "current")
	ahead := now.AddDate(5, 0, 0)
	latest := ahead.Unix()
	p := newPolicy(path, policyFlags{behindDays: 3}, &latest)
	must(t, p.keep(ahead))
	if p.isBehind(ahead) != nil || p.isBehind(now) == nil {
		t.Errorf("then: %v; set right: %v", p.isBehind(ahead), p.isBehind(now))
	}
	latest = 0
	p = newPolicy(path, policyFlags{behindDays: 3}, &latest)
	if p.isBehind(now.AddDate(1, 0, 0)) == nil {
		t.Error("a year without brokers, and a lane is not behind")
	}
	latest = now.Unix()
	must(t, p.keep(now))
	if p = newPolicy(path, policyFlags{behindDays: 3}, new(int64)); p.had != now.Unix() {
		t.Errorf("noted is %d, want %d", p.had, now.Unix())
	}
}

// TestLaneUnderFaults: the tap of a lane that is behind carries the mark, in the record and in what
// is durable before; a lane that refuses does not touch the card.
func TestLaneUnderFaults(t *testing.T) {
	at, latest := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), int64(1)
	box := filepath.Join(t.TempDir(), "outbox")
	l := newBus(t, box, &lane{})
	l.policy = newPolicy(filepath.Join(t.TempDir(), "current"), policyFlags{behindDays: 3}, &latest)
	card := funded(t)
	card.PowerOn()
	must(t, l.take(t.Context(), card, at))
	taps := 0
	_, err := outbox.Look(box, func(r outbox.Record) error {
		tap := new(message.Tap)
		if r.Topic != message.TopicTaps {
			return nil
		}
		taps++
		if err := proto.Unmarshal(r.Value, tap); err != nil || !slices.Equal(tap.GetMarks(), []message.Mark{message.Mark_MARK_BEHIND}) {
			t.Errorf("the record has the marks %v, %v", tap.GetMarks(), err)
		}
		return nil
	})
	must(t, err)
	if taps != 1 {
		t.Errorf("%d taps are recorded, want 1", taps)
	}
	l.policy.behind.refuse = true
	before, err := card.Image()
	must(t, err)
	card.PowerOn()
	must(t, l.take(t.Context(), card, at.Add(time.Minute)))
	after, err := card.Image()
	must(t, err)
	if string(before) != string(after) {
		t.Error("a lane that refuses has changed the card")
	}
	must(t, l.out.Close())
}
