package crowd

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/language"
	"citycard/simulators/document"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// DefaultRides gives a rider about six taps a day.
const DefaultRides = 4

// Letter is one Kafka record of the tap topic.
type Letter struct{ Key, Value []byte }

// Options are the settings with which a day is written.
type Options struct {
	plan.Day
	Hot string // operator that has Shares.Hot of the rides, or empty

	OrderSeed   uint64 // 0: as it happened
	Part, Parts int    // send the Part-th of Parts parts, from 1; 0: the whole day
	Truth       string // directory of the truth; empty: none is written

	// Send takes letters of one lot, in order; lots send side by side. It may keep the letters'
	// bytes, but not the slice. ctx is that of Play and outlives the lots.
	Send func(ctx context.Context, lot int, letters []Letter) error
	// Sent returns when all letters are stored safely. The cards' state is saved after it.
	Sent func(ctx context.Context) error
}

// whole reports whether the day is over when this part is sent.
func (o *Options) whole() bool { return o.Part == o.Parts }

// errChips: the city's cards are chips, and package city plays it.
var errChips = errors.New("the city has chips: nobody rides without them")

func (o *Options) check() error {
	if err := errors.Join(o.City.Check(), o.Shares.Check()); err != nil {
		return err
	}
	switch {
	case !o.City.Direct():
		return errChips
	case o.Rides < 0 || o.Rides > 60:
		return language.Textf("%d rides a day: want 1 to 60", o.Rides)
	case o.Parts < 0 || o.Parts > 100 || o.Part < 0 || o.Part > o.Parts || o.Parts > 0 && o.Part == 0:
		return language.Textf("part %d of %d: want 1 to the number of parts, at most 100", o.Part, o.Parts)
	case o.Shares.Hot > 0 && o.Hot == "":
		return language.Textf("a share of rides for the hot operator, but no operator")
	}
	return nil
}

// day is what the lots of one day share.
type day struct {
	Options
	grid     *grid
	after    *memory // of cards and SAMs: each lot changes its own
	signer   *keys.TACSigner
	visitors keys.Key // TAC master of another city
	version  uint32   // of our keys
	date     int      // YYYYMMDD
	low      uint32   // fen; a card with less stays at home
	dates    calendar
	total    int
	done     atomic.Int64

	mu      sync.Mutex
	summary truth.Summary
}

// Play writes one day and returns its truth in numbers. It fails when a price in the fare table
// differs from the truth's, and with ErrPlayed if this day or a later one was already played.
func Play(ctx context.Context, o Options) (*truth.Summary, error) {
	if o.Rides == 0 {
		o.Rides = DefaultRides
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	d, err := newDay(o)
	if err != nil {
		return nil, err
	}
	if err := d.play(ctx); err != nil {
		return nil, err
	}
	if err := d.settle(ctx); err != nil {
		return nil, err
	}
	return &d.summary, nil
}

func newDay(o Options) (*day, error) {
	d := &day{
		Options: o, signer: keys.NewTACSigner(o.Keys.TACMaster()), dates: newCalendar(o.Date),
		visitors: o.City.VisitorKeys().TACMaster(), version: uint32(o.Keys.SAMKeys().Version),
	}
	d.date = d.dates.today.number
	var err error
	if d.grid, err = newGrid(&d.Day, o.Hot); err != nil {
		return nil, err
	}
	d.low = max(lowBalance, d.grid.costly)
	if d.after, err = recall(o.Dir, &o.City, o.Town, d.grid.seats); err != nil {
		return nil, err
	}
	if d.after.day >= d.date {
		return nil, fmt.Errorf("%s stands at %d: %w", o.Dir, d.after.day, ErrPlayed)
	}
	d.total = o.City.Riders * o.Rides * 3 / 2 / max(1, o.Parts)
	d.summary = truth.NewSummary(d.date, o.City.Seed)
	return d, nil
}

// play writes all lots, as many at once as there are processors.
func (d *day) play(ctx context.Context) error {
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for number := range plan.Lots {
		group.Go(func() error {
			if err := running.Err(); err != nil {
				return err
			}
			l, err := d.newLot(number)
			if err == nil {
				l.happen()
				err = l.write(ctx, running)
			}
			if err != nil {
				return fmt.Errorf("lot %d: %w", number, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// settle ends the day: once all letters are stored, the cards' balances are written to the truth,
// and the cards' state is saved.
func (d *day) settle(ctx context.Context) error {
	if d.Sent != nil {
		if err := d.Sent(ctx); err != nil {
			return err
		}
	}
	d.Report("day", d.total, d.total)
	for _, p := range d.after.purses {
		d.summary.Purse(truth.Purse{Fen: int64(p.balance)})
	}
	if d.Truth != "" {
		if err := truth.Finish(d.Truth, d.summary, d.purses); err != nil {
			return err
		}
	}
	if !d.whole() {
		return nil
	}
	d.after.day = d.date
	return d.after.save(d.Dir)
}

// purses yields what every rider's card holds.
func (d *day) purses(yield func(truth.Purse) bool) {
	for i, p := range d.after.purses {
		k, err := newCard(&d.City, d.Town, i)
		if err != nil || !yield(truth.Purse{Card: truth.CardOf(plan.Issuer(), k.ASN), Fen: int64(p.balance)}) {
			return
		}
	}
}

// dated is a calendar day in the forms that cards and keys use.
type dated struct {
	number int // YYYYMMDD
	bcd    [4]byte
}

// calendar are the days on which a tap can be signed.
type calendar struct{ today, yesterday, slow dated }

func newCalendar(day time.Time) calendar {
	on := func(days int) dated {
		t := day.AddDate(0, 0, days)
		return dated{plan.DayNumber(t), bcd.Date(t)}
	}
	return calendar{on(0), on(-1), on(-plan.SlowDays)}
}

// on gives the day of a tap and the second of that day.
func (c *calendar) on(seconds int32, slow bool) (dated, int32) {
	switch {
	case slow:
		return c.slow, seconds
	case seconds < 0:
		return c.yesterday, seconds + 24*3600
	}
	return c.today, seconds
}

// moment is when a tap is signed.
func (c *calendar) moment(seconds int32, slow bool) document.Moment {
	on, seconds := c.on(seconds, slow)
	return document.Midnight(on.number) + document.Moment(seconds/3600*10_000+seconds/60%60*100+seconds%60)
}

// at gives the day of a tap and its time as it is signed, 7 bytes BCD.
func (c *calendar) at(seconds int32, slow bool) (dated, [7]byte) {
	on, seconds := c.on(seconds, slow)
	b := [7]byte{on.bcd[0], on.bcd[1], on.bcd[2], on.bcd[3]}
	for i, v := range [3]int32{seconds / 3600, seconds / 60 % 60, seconds % 60} {
		b[4+i] = byte(v/10<<4 | v%10)
	}
	return on, b
}
