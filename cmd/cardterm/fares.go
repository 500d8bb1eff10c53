package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protojson"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/downlink"
	"citycard/terminals/tariff"
)

const (
	// fareWait is how long a terminal that knows no fares waits for them when it starts.
	fareWait = 2 * time.Minute
	// keptWait is how long one that has kept fares waits for newer ones.
	keptWait = 10 * time.Second
)

// fares are the fare tables by which the lanes charge.
type fares struct {
	*tariff.Schedule
	log     *slog.Logger
	now     func() time.Time          // in the city's zone
	place   func(*tariff.Table) error // whether a table has prices for the lanes' places
	refused prometheus.Counter

	started atomic.Bool             // the lanes have begun to charge
	read    atomic.Int64            // when everything published was last known, in seconds since 1970
	trouble atomic.Pointer[trouble] // why the topic is not followed; nil if it is
	news    chan struct{}           // one of these, or a table, has changed
}

// trouble is why a topic is not followed. It is final if waiting does not help.
type trouble struct {
	err   error
	final bool
}

// openFares opens the fare tables of the lanes; they are kept up to date in the background.
func (a *agent) openFares(ctx context.Context, stack *service.Stack, common *shared, lanes []laneFlags, up uplink, registry *prometheus.Registry) (*fares, error) {
	f := &fares{
		log: common.log, now: func() time.Time { return time.Now().In(common.zone) }, news: make(chan struct{}, 1),
		place: func(t *tariff.Table) error { return priced(lanes, t) },
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cardterm_fares_refused_total", Help: "Published fare tables that the terminal did not take, since its start.",
		}),
	}
	if err := a.fillFares(ctx, stack, f, common.dir.Join("fares"), up); err != nil {
		return nil, service.Fail("no fares").Todo("give --fares FILE, or start citycard serve, which publishes them, and check --kafka, --kafka-user and --kafka-tls-ca").Because(err)
	}
	f.started.Store(true)
	registry.MustRegister(f.refused, newFareGauges(f))
	last := f.state()
	stack.Go(ctx, "fare changes", func(ctx context.Context) { f.watch(ctx, last) })
	return f, nil
}

// fillFares reads the tables from the file given, or from the broker and from what was kept of it.
func (a *agent) fillFares(ctx context.Context, stack *service.Stack, f *fares, path string, up uplink) (err error) {
	if a.fares != "" {
		if f.Schedule, err = readFares(a.fares); err == nil {
			_, err = f.At(f.now())
		}
		return err
	}
	if f.Schedule, err = tariff.Open(path); err != nil {
		f.log.Warn("the fares that were kept are not used", logged(err))
	}
	stack.Go(ctx, "fares", func(ctx context.Context) { f.follow(ctx, up) })
	return f.await(ctx)
}

// readFares reads a file with one table.
func readFares(path string) (*tariff.Schedule, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	table := new(message.FareTable)
	if err := protojson.Unmarshal(content, table); err != nil {
		return nil, language.Textf("%s: %w", path, err)
	}
	s, err := tariff.Of(table)
	if err != nil {
		return nil, language.Textf("%s: %w", path, err)
	}
	return s, nil
}

// follow keeps the tables up to date until ctx ends. The lane goes on with those it knows while
// that does not work.
func (f *fares) follow(ctx context.Context, up uplink) {
	follower := &downlink.Follower{
		Schedule: f.Schedule, Now: f.now, Trust: up.trust, Read: f.reached, Away: func(why error) { f.stopped(why, false) },
		Refused: func(why error) {
			f.refused.Inc()
			f.log.Error("published fares are refused; the lane goes on with those it has", logged(why))
		},
		Unsaved: func(why error) { f.log.Error("the fares are not kept on the disk", logged(why)) },
	}
	again(ctx, func(ctx context.Context) (gotOn bool, err error) {
		before := f.read.Load()
		err = f.followOnce(ctx, follower, up)
		return f.read.Load() > before, err
	}, func(err error, _ time.Duration) { f.stopped(err, true) })
}

// followOnce follows the topic until ctx ends or the brokers refuse it.
func (f *fares) followOnce(ctx context.Context, follower *downlink.Follower, up uplink) error {
	opts, err := up.options()
	if err != nil {
		return err
	}
	if away, err := up.ask(ctx, opts); away {
		f.stopped(err, false)
	} else if err != nil {
		return err
	}
	return follower.Follow(ctx, up.brokers, opts...)
}

// reached notes that everything published is known.
func (f *fares) reached() {
	f.read.Store(f.now().Unix())
	if f.trouble.Swap(nil) != nil && f.started.Load() {
		f.log.Info("the fares are followed again", f.state().attrs()...)
	}
	f.tell()
}

// stopped notes why the topic is not followed. It logs one line when that begins, and one for each
// refusal of the brokers.
func (f *fares) stopped(why error, final bool) {
	before := f.trouble.Swap(&trouble{why, final})
	if f.started.Load() && (final || before == nil) {
		f.log.Warn("the fares are not followed; the lane goes on with those it knows", append(f.state().attrs(), logged(why))...)
	}
	f.tell()
}

func (f *fares) tell() {
	select {
	case f.news <- struct{}{}:
	default:
	}
}

// await waits until the lane can charge: by what is published, or else by what it has kept. It says
// in one line that it waits, or that it works with what it has kept.
func (f *fares) await(ctx context.Context) error {
	_, err := f.At(f.now())
	hasKept, limit := err == nil, fareWait
	if hasKept {
		limit = keptWait
	}
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(time.Second) // a table may begin
	defer tick.Stop()
	for told := false; ; {
		_, why := f.At(f.now())
		held, read, late := why == nil, f.read.Load() > 0, waiting.Err() != nil
		trouble := f.trouble.Load()
		if trouble != nil {
			why = trouble.err
		} else if held {
			why = errors.New("no answer yet")
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case held && read:
			return nil
		case held && hasKept && (trouble != nil || late):
			f.log.Warn("the published fares are not at hand; the lane works with those of its last run", append(f.state().attrs(), logged(why))...)
			return nil
		case late, !hasKept && trouble != nil && trouble.final:
			return why
		case !told && !hasKept && (trouble != nil || read):
			f.log.Info("waiting for fares from Kafka", "at_most", limit, "why", why)
			told = true
		}
		select {
		case <-waiting.Done():
		case <-f.news:
		case <-tick.C:
		}
	}
}
