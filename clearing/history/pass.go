package history

import (
	"cmp"
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"citycard/ledger"
)

// DefaultPart is about how many rows of the journal one part has.
const DefaultPart = 20_000

// Archive is where histories and findings lie: tables of clearing's beside the
// ledger's.
type Archive struct {
	Ledger *ledger.Ledger
	Part   int // about how many rows of the journal one part has; 0: DefaultPart
}

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
	Archive
	day    ledger.Day
	round  int
	before before
	sorter sorter
}

// Run passes over a day of which nothing more is booked, and anew over the days after
// it where they began with histories that are no longer the latest. reopened is how
// often the day was reopened; a day that was passed since the last time is not passed
// again. What was interrupted goes on.
func (a Archive) Run(ctx context.Context, day ledger.Day, reopened int) (Summary, error) {
	summary, err := a.runDay(ctx, day, &reopened)
	if err != nil {
		return Summary{}, err
	}
	later, err := a.passedAfter(ctx, day)
	if err != nil {
		return Summary{}, err
	}
	for _, d := range later {
		if _, err := a.runDay(ctx, d, nil); err != nil {
			return Summary{}, err
		}
	}
	return summary, nil
}

// runDay makes the day's next round where its last one is out of date. reopened nil
// leaves it as it was.
func (a Archive) runDay(ctx context.Context, day ledger.Day, reopened *int) (Summary, error) {
	begin, err := a.latestBefore(ctx, day)
	if err != nil {
		return Summary{}, err
	}
	last, version, found, err := a.latest(ctx, day)
	switch {
	case err != nil:
		return Summary{}, err
	case found && (reopened == nil || version == *reopened) && last.begin == begin:
		return last, nil
	case reopened == nil:
		reopened = &version
	}
	p := &pass{Archive: a, day: day, before: begin, sorter: newSorter()}
	if found {
		p.round = last.Round + 1
	}
	if err := p.parts(ctx); err != nil {
		return Summary{}, fmt.Errorf("pass over the cards of day %s: %w", day, err)
	}
	if err := p.finish(ctx, *reopened); err != nil {
		return Summary{}, fmt.Errorf("pass over the SAMs of day %s: %w", day, err)
	}
	last, _, _, err = a.latest(ctx, day)
	return last, err
}

// parts computes, on all cores, the parts that are not stored yet. Where what is
// stored was cut in another way, by a program that took other sizes, the round begins
// anew.
func (p *pass) parts(ctx context.Context) error {
	for {
		stored, err := p.stored(ctx)
		if err != nil {
			return err
		}
		if err := p.missing(ctx, stored); err != nil || len(stored) == 0 {
			return err
		}
		if err := p.discard(ctx); err != nil {
			return err
		}
	}
}

// missing computes the parts that are not among those stored, and takes the others out
// of there.
func (p *pass) missing(ctx context.Context, stored map[string]string) error {
	size := p.Part
	if size <= 0 {
		size = DefaultPart
	}
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0) + 1)
	for of, err := range p.Ledger.Parts(within, p.day, size) {
		if err != nil {
			// An error of a part ends the search for parts, and says more.
			return cmp.Or(group.Wait(), err)
		}
		if after, there := stored[string(of.To)]; there && after == string(of.After) {
			delete(stored, string(of.To))
			continue
		}
		group.Go(func() error {
			result, err := p.compute(within, of)
			if err != nil {
				return err
			}
			return p.store(within, result)
		})
	}
	return group.Wait()
}
