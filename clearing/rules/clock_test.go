package rules_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unsafe"

	"citycard/clearing/rulefile"
	"citycard/clearing/rules"
)

// proposed are fares that are dearer from a day or moment on.
func (o *office) proposed(from string) rules.Content {
	o.Helper()
	draft, err := o.store.Draft(o.Context(), map[rules.Kind][]byte{rules.Fares: dearer(from)}, o.now)
	o.must(err)
	number, err := o.store.Keep(o.Context(), draft)
	o.must(err)
	return number
}

// TestApprovalByTwoClocks approves a version of four o'clock by a clock that differs from the
// database's: the later one counts, and more than five seconds are refused.
func TestApprovalByTwoClocks(t *testing.T) {
	o := newOffice(t)
	o.found()
	number := o.proposed("2026-01-06T04:00")
	four := time.Date(2026, 1, 6, 4, 0, 0, 0, o.zone)
	for _, c := range []struct {
		here, database time.Duration // before four o'clock
		want           string        // "" for an approval
	}{
		{29 * time.Second, 33 * time.Second, "zz-2026"},
		{33 * time.Second, 29 * time.Second, "zz-2026"},
		{20 * time.Minute, 29 * time.Second, "the clock here shows 2026-01-05 19:40:00, the database's 2026-01-05 19:59:31; want them at most 5s apart"},
		{40 * time.Second, 46 * time.Second, "apart"},
		{46 * time.Second, 40 * time.Second, "apart"},
		{36 * time.Second, 31 * time.Second, ""},
	} {
		o.now = four.Add(-c.here)
		o.store.Now = func() time.Time { return four.Add(-c.database) }
		err := o.store.Approve(t.Context(), number, o.two())
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s before by the clock here, %s by the database's: %v, want %q", c.here, c.database, err, c.want)
		}
	}
}

// TestSlowApproval approves while each use of a connection takes three seconds: the clocks are
// compared before anything is read.
func TestSlowApproval(t *testing.T) {
	o := newOffice(t)
	o.found()
	number := o.proposed("20260201")
	begin := o.store.Ledger.Pool().Stat().AcquireCount()
	o.store.Now = func() time.Time {
		return o.now.Add(time.Duration(o.store.Ledger.Pool().Stat().AcquireCount()-begin) * 3 * time.Second)
	}
	if err := o.store.Approve(t.Context(), number, o.two()); err != nil {
		t.Error(err)
	}
	if used := o.store.Ledger.Pool().Stat().AcquireCount() - begin; used < 3 {
		t.Errorf("%d uses of a connection, want some after the comparison", used)
	}
}

// TestDatabaseClock approves by the clock of the database itself.
func TestDatabaseClock(t *testing.T) {
	o := newOffice(t)
	o.found()
	number := o.proposed("20350101")
	o.store.Now = nil
	if err := o.store.Approve(t.Context(), number, o.two()); err == nil || !strings.Contains(err.Error(), "the clock here shows 2026-01-05 01:00:00, the database's ") {
		t.Errorf("approved on a day that is over: %v", err)
	}
	o.now = time.Now()
	o.must(o.store.Approve(t.Context(), number, o.two()))
}

// TestHourTwice drafts fares in Berlin on the night in which clocks are set back from three o'clock
// to two. What the first of the two hours had fixed, the second does not change.
func TestHourTwice(t *testing.T) {
	o := newOffice(t)
	zone, err := time.LoadLocation("Europe/Berlin")
	o.must(err)
	set, err := rules.Read(examples())
	o.must(err)
	o.must(o.store.Found(t.Context(), set, zone, o.by("server")))
	for now, want := range map[string]bool{
		"2026-10-25T00:10:00Z": true,  // ten past two for the first time
		"2026-10-25T00:40:00Z": false, // twenty to three
		"2026-10-25T01:10:00Z": false, // ten past two again
		"2026-10-25T01:40:00Z": false,
	} {
		at, err := time.Parse(time.RFC3339, now)
		o.must(err)
		_, err = o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: dearer("2026-10-25T02:30")}, at)
		if (err == nil) != want {
			t.Errorf("drafted at %s, %s in Berlin: %v", now, rulefile.MomentOf(at.In(zone)), err)
		}
	}
	at := time.Date(2026, 10, 25, 1, 10, 0, 0, time.UTC)
	if _, err := o.store.Draft(t.Context(), map[rules.Kind][]byte{rules.Fares: dearer("2026-10-25T03:00")}, at); err != nil {
		t.Errorf("from three o'clock on: %v", err)
	}
}

// TestClockSetBack looks at the rules, and sets the clock on the wall back by an hour: the look is
// too old when ten seconds have passed by either clock.
func TestClockSetBack(t *testing.T) {
	set, err := rules.Read(examples())
	if err != nil {
		t.Fatal(err)
	}
	look := time.Now()
	for _, c := range []struct {
		wall, other time.Duration
		outdated    bool
	}{
		{9 * time.Second, 9 * time.Second, false},
		{10 * time.Second, 10 * time.Second, true},
		{-time.Hour, 9 * time.Second, false},
		{-time.Hour, 10 * time.Second, true},
		{time.Hour, 0, true}, // the machine slept
	} {
		now := look.Add(c.wall)
		// The second word of a time is the clock that nobody sets.
		*(*int64)(unsafe.Add(unsafe.Pointer(&now), 8)) += int64(c.other - c.wall)
		if now.Sub(look) != c.other || now.Round(0).Sub(look.Round(0)) != c.wall {
			t.Fatal("times are made otherwise than this test knows")
		}
		shelf := rules.Timed(set, look, func() time.Time { return now })
		if err := shelf.Fresh(); errors.Is(err, rules.ErrOutdated) != c.outdated {
			t.Errorf("%s later by the wall, %s by the other clock: %v; want it outdated: %v", c.wall, c.other, err, c.outdated)
		}
	}
}
