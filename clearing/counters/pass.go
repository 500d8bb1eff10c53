package counters

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"citycard/ledger"
	"citycard/ledger/shadow"
)

// defaultPart is about how many rows of the journal one part has.
const defaultPart = 20_000

// Checker checks days, and keeps histories and findings in clearing's tables beside the ledger's.
type Checker struct {
	Ledger *ledger.Ledger
	Part   int // about how many rows of the journal one part has; 0: defaultPart
}

func (c Checker) size() int { return cmp.Or(max(c.Part, 0), defaultPart) }

// limit is how many histories one row holds at most: a megabyte or less.
func (c Checker) limit() int64 { return int64(c.size()) * 5 / 2 }

// Summary is what a pass of a day came to.
type Summary struct {
	Day   ledger.Day     `json:"day"`
	Round int            `json:"round"`
	Rows  int64          `json:"rows"`  // read
	Cards int64          `json:"cards"` // with a history by now
	SAMs  int64          `json:"sams"`
	Found map[string]int `json:"found"` // findings by kind

	begin before
}

// before is the round with whose histories another begins.
type before struct {
	day   ledger.Day
	round int
}

// pass is one round over one day.
type pass struct {
	Checker
	day    ledger.Day
	round  int
	before before
	sorter sorter
	unread unread
}

// Run passes over a day in which nothing more is booked. It repeats the pass of later days that
// began with histories which are outdated now. Earlier days that have ended and were never passed
// come first. reopened is how often the day was reopened; a day that was passed since it was last
// reopened is not passed again. A pass that was interrupted goes on.
func (c Checker) Run(ctx context.Context, day ledger.Day, reopened int) (Summary, error) {
	days, err := c.Ledger.Days(ctx)
	if err != nil {
		return Summary{}, err
	}
	passed, err := c.passed(ctx)
	if err != nil {
		return Summary{}, err
	}
	var summary Summary
	for _, d := range days {
		ended := d.State == ledger.DayClosed || d.State == ledger.DaySealed
		switch {
		case d.Day == day:
			summary, err = c.runDay(ctx, day, &reopened)
		case d.Day < day && ended && !passed[d.Day], d.Day > day && passed[d.Day]:
			_, err = c.runDay(ctx, d.Day, nil)
		}
		if err != nil {
			return Summary{}, err
		}
	}
	return summary, nil
}

// runDay makes rounds of the day until its last one is up to date.
// If reopened is nil, the stored number of reopenings is kept.
func (c Checker) runDay(ctx context.Context, day ledger.Day, reopened *int) (Summary, error) {
	for {
		begin, err := c.latestBefore(ctx, day)
		if err != nil {
			return Summary{}, err
		}
		last, version, found, err := c.latest(ctx, day)
		switch {
		case err != nil:
			return Summary{}, err
		case found && (reopened == nil || version == *reopened) && last.begin == begin:
			return last, nil
		case reopened == nil:
			reopened = &version
		}
		p := &pass{Checker: c, day: day, sorter: newSorter()}
		if p.unread, err = c.unread(ctx, day); err != nil {
			return Summary{}, err
		}
		if found {
			p.round = last.Round + 1
		}
		if err := p.start(ctx, *reopened, begin); err != nil {
			return Summary{}, err
		}
		if err := p.parts(ctx); err != nil {
			return Summary{}, fmt.Errorf("pass over the cards of day %s: %w", day, err)
		}
		if err := p.finish(ctx); err != nil {
			return Summary{}, fmt.Errorf("pass over the SAMs of day %s: %w", day, err)
		}
	}
}

// parts computes, on all cores, the parts that are not stored yet.
func (p *pass) parts(ctx context.Context) error {
	parts, stored, err := p.known(ctx)
	if err != nil {
		return err
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0) + 1)
	for i, of := range parts {
		number := i + 1
		if stored[number] {
			continue
		}
		group.Go(func() error {
			result, err := p.compute(within, number, of)
			if err != nil {
				return err
			}
			return p.store(within, result)
		})
	}
	return group.Wait()
}

// cuts returns the ends of the parts, chosen so that no part has many more rows, or histories of
// the round before, than intended.
func (p *pass) cuts(ctx context.Context) ([][]byte, error) {
	samples, err := shadow.Samples(ctx, p.Ledger, p.day)
	if err != nil {
		return nil, err
	}
	ends, err := p.ends(ctx)
	if err != nil {
		return nil, err
	}
	var cuts [][]byte
	var rows, items int64
	cut := func(at []byte) {
		if len(cuts) == 0 || bytes.Compare(cuts[len(cuts)-1], at) < 0 {
			cuts = append(cuts, at)
		}
		rows, items = 0, 0
	}
	for len(samples) > 0 || len(ends) > 0 {
		if len(ends) == 0 || len(samples) > 0 && bytes.Compare(samples[0].Subject, ends[0].last) < 0 {
			if rows += samples[0].Rows; rows >= int64(p.size()) {
				cut(samples[0].Subject)
			}
			samples = samples[1:]
			continue
		}
		if items += ends[0].items; items >= p.limit() {
			cut(ends[0].last)
		}
		ends = ends[1:]
	}
	cut(shadow.LastSubject())
	return cuts, nil
}
