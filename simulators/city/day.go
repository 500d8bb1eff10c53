package city

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"citycard/durable"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
	"citycard/terminals/counter"
	"citycard/terminals/outbox"
)

// Options are the settings with which a day is played.
type Options struct {
	plan.Day
	Authority counter.LoadAuthority // authorises top-ups
	Outbox    *outbox.Log           // takes the records; the caller forwards it
	Readers   Readers               // where the city was issued for such; the caller runs the lanes
}

// DefaultRides gives a transit card about 24 transactions a day.
const DefaultRides = 15

// Played is the result of a day.
type Played struct {
	Records []truth.Record
	Purses  []truth.Purse
	Summary truth.Summary
}

// Play plays one day and returns its truth. The cards' new images replace the old ones in the
// directory once all records are in the outbox. An interrupted day leaves the old images, although
// its records and loads may have been sent. The directory then cannot be used for another day, and
// Play returns ErrUnfinished. Play fails when a terminal charges a price that differs from the
// truth's.
func Play(ctx context.Context, o Options) (*Played, error) {
	if o.Rides == 0 {
		o.Rides = DefaultRides
	}
	if err := o.Shares.Check(); err != nil {
		return nil, err
	}
	d, err := newDay(o)
	if err != nil {
		return nil, err
	}
	if err := d.begin(); err != nil {
		return nil, err
	}
	office := newSender(o.Outbox, d.sent)
	payday, err := newPayday(d.people, o.Keys, o.Town.Rules, o.Shares, o.Date)
	if err != nil {
		return nil, err
	}
	if err := payday.pay(office); err != nil {
		return nil, err
	}
	if err := d.play(ctx); err != nil {
		return nil, err
	}
	if err := payday.answer(office); err != nil {
		return nil, err
	}
	return d.settle(ctx, office)
}

// day is the state that the lots of one day share.
type day struct {
	Options
	people *Population
	lines  timetable
	low    int64 // fen; a card with less tops up before it rides
	memory memory
	lots   []*lot
	hall   *hall
	done   atomic.Int64
	total  int
}

func newDay(o Options) (*day, error) {
	people, err := NewPopulation(o.City, o.Town)
	if err != nil {
		return nil, err
	}
	d := &day{Options: o, people: people}
	if err := d.price(); err != nil {
		return nil, err
	}
	images, err := readImages(filepath.Join(o.Dir, ImageFile))
	if err != nil {
		return nil, err
	}
	if want := len(d.people.Transit) + d.people.Holders; len(images) != want {
		return nil, fmt.Errorf("%s holds %d cards, want %d", o.Dir, len(images), want)
	}
	if d.memory, err = recall(o.Dir); err != nil {
		return nil, err
	}
	d.total = len(d.people.Transit) // about one top-up a card
	for i := range plan.Lots {
		l, err := d.newLot(i, images)
		if err != nil {
			return nil, err
		}
		d.total += len(l.agenda)
		d.lots = append(d.lots, l)
	}
	d.hall, err = d.newHall(images)
	return d, err
}

// all are the parts of the city, that at the readers included.
func (d *day) all() []*lot { return append(slices.Clone(d.lots), d.hall.lot) }

// price prepares what rides cost.
func (d *day) price() error {
	periods, err := d.Periods()
	if err != nil {
		return err
	}
	d.lines = timetable{&d.Day, periods}
	costly, err := periods.Costly()
	d.low = max(lowBalance, costly)
	return err
}

// ErrUnfinished says that a day in this directory was interrupted: the cards' images do not match
// the records that were sent.
var ErrUnfinished = errors.New("a day was begun here and not finished")

// beginFile exists in the directory while a day is played.
const beginFile = "playing"

func (d *day) begin() error {
	path := filepath.Join(d.Dir, beginFile)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s: %w", d.Dir, ErrUnfinished)
	}
	return durable.WriteFile(path, []byte(d.Date.Format(dayLayout)+"\n"))
}

func (d *day) end() error { return os.Remove(filepath.Join(d.Dir, beginFile)) }

// sent counts records for the progress.
func (d *day) sent(n int) {
	d.Report("day", int(d.done.Add(int64(n))), d.total)
}

// play plays the day of all lots, independently of each other.
func (d *day) play(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range d.lots {
		group.Go(func() error {
			if err := l.live(ctx); err != nil {
				return fmt.Errorf("lot %d: %w", l.number, err)
			}
			return nil
		})
	}
	group.Go(func() error {
		if err := d.hall.live(ctx); err != nil {
			return fmt.Errorf("at the readers: %w", err)
		}
		return nil
	})
	return group.Wait()
}

// settle reads the purses, saves the cards and gathers the truth.
func (d *day) settle(ctx context.Context, office *sender) (*Played, error) {
	images := make([][]byte, len(d.people.Transit)+d.people.Holders)
	out := &Played{Records: office.records}
	purses := make([]truth.Purse, len(d.people.Transit))
	gaps := 0
	for _, l := range d.all() {
		gaps += l.gaps
		out.Records = append(out.Records, l.sender.records...)
		if err := errors.Join(l.readPurses(ctx, purses), l.save(images)); err != nil {
			return nil, err
		}
	}
	out.Purses = purses
	if err := errors.Join(d.remember(images), d.end()); err != nil {
		return nil, err
	}
	out.Summary = truth.Summarise(plan.DayNumber(d.Date), d.City.Seed, out.Records, out.Purses)
	out.Summary.Gaps = gaps
	d.Report("day", d.total, d.total)
	return out, nil
}
