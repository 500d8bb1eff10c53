package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/message"
	"citycard/terminals/tariff"
)

// busFares are fares of one bus line.
func busFares(version, from string, line, fen uint32) *message.FareTable {
	return &message.FareTable{
		Version: version, EffectiveFrom: from, MaximumFen: 100_000,
		Fares: []*message.CardFares{{CardType: 3, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: line, Fen: fen}}}}}},
	}
}

// newFares are the fares of a validator on line 1 that knows these tables.
func newFares(t *testing.T, log *slog.Logger, refused prometheus.Counter, published ...*message.FareTable) *fares {
	t.Helper()
	s, err := tariff.Of(published...)
	must(t, err)
	place := placeFlags{line: 1}
	return &fares{
		Schedule: s, log: log, now: time.Now, refused: refused, news: make(chan struct{}, 1),
		place: func(table *tariff.Table) error { return place.priced(roleValidator, table) },
	}
}

// TestWhatIsSaidOfFares lets the clock of a lane pass over the beginning of a table without prices
// for its line, and then takes all tables away. Each is said once, and the lane is not ready then.
func TestWhatIsSaidOfFares(t *testing.T) {
	var words said
	f := newFares(t, slog.New(slog.NewTextHandler(&words, nil)), nil, busFares("old", "20260101000000", 1, 100), busFares("elsewhere", "20270101040000", 2, 100))
	clock := time.Date(2027, 1, 1, 3, 59, 59, 999_999_999, time.UTC)
	f.now = func() time.Time { return clock }
	last, checked := f.state(), map[string]bool{}
	look := func() {
		state := f.state()
		f.say(last, state)
		f.checkPlace(state, checked)
		last = state
	}
	want := func(count int, texts ...string) {
		t.Helper()
		if lines := words.with(texts...); len(lines) != count {
			t.Errorf("%d lines with %q, want %d:\n%s", len(lines), texts, count, words.all())
		}
	}
	look()
	must(t, f.ready(t.Context()))
	want(1, "these fares have no price for this place", "version=elsewhere", `from="2027-01-01 04:00:00"`)
	want(0, "the fares have changed")
	clock = clock.Add(time.Nanosecond)
	look()
	look()
	want(1, "these fares have no price for this place")
	want(1, "the fares have changed", "version=elsewhere", `since="2027-01-01 04:00:00"`, "before=old")
	want(0, "withdrawn")
	if err := f.ready(t.Context()); !errors.Is(err, tariff.ErrNoFare) {
		t.Errorf("a lane without prices is ready: %v", err)
	}
	f.Set(nil)
	look()
	look()
	want(1, "no fare table holds any more", "before=elsewhere")
	if err := f.ready(t.Context()); !errors.Is(err, tariff.ErrNone) {
		t.Errorf("a lane without fares is ready: %v", err)
	}
}

// TestKeptFaresAreAwaitedShortly: a terminal that has kept fares takes the published ones if they
// come at once; if the broker is away it says so in one line and begins.
func TestKeptFaresAreAwaitedShortly(t *testing.T) {
	for name, test := range map[string]struct {
		happens func(f *fares)
		said    int
	}{
		"published": {func(f *fares) { f.reached() }, 0},
		"away":      {func(f *fares) { f.stopped(context.DeadlineExceeded, false) }, 1},
		"refused":   {func(f *fares) { f.stopped(errors.New("wrong password"), true) }, 1},
	} {
		var words said
		f := newFares(t, slog.New(slog.NewTextHandler(&words, nil)), nil, busFares("old", "20260101000000", 1, 100))
		test.happens(f)
		ctx, cancel := context.WithTimeout(t.Context(), keptWait/2) // it does not wait to the end
		must(t, f.await(ctx))
		cancel()
		if lines := words.with(); len(lines) != test.said || len(words.with("last run", "version=old")) != test.said {
			t.Errorf("%s: it says %q", name, lines)
		}
	}
}
