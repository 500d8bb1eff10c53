package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/cmd/service"
	"citycard/terminals/downlink"
	"citycard/terminals/hotlist"
	"citycard/terminals/kept"
)

// openHotlist opens the list that is kept; a damaged one is replaced by an empty one, since the
// broker has it.
func openHotlist(path string, log *slog.Logger) (*hotlist.List, error) {
	list, err := hotlist.Open(path)
	if errors.Is(err, kept.ErrDamaged) {
		log.Warn("the hotlist begins again, empty", logged(err))
		return list, nil
	}
	return list, err
}

// followHotlist keeps the list up to date in the background. A lane goes on with the list it has
// while that does not work. It returns when the list was last known to be the published one, in
// seconds since 1970.
func followHotlist(ctx context.Context, stack *service.Stack, log *slog.Logger, zone *time.Location, list *hotlist.List, up uplink, registry *prometheus.Registry) (current *atomic.Int64) {
	current = new(atomic.Int64)
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cardterm_hotlist_cards", Help: "Cards that the terminal's hotlist knows of.",
		}, func() float64 { return float64(list.Cards()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cardterm_hotlist_version", Help: "Newest version of the registry that the terminal's hotlist has heard of, 0 for none.",
		}, func() float64 { return float64(list.Version()) }))
	follower := downlink.FollowHotlist(list, downlink.Watch{
		Trust: up.trust, Now: func() time.Time { return time.Now().In(zone) },
		Read: func() { current.Store(time.Now().Unix()) },
		Refused: func(why error) {
			log.Error("a published hotlist, or an entry of it, is refused; the lane goes on with what it has", logged(why))
		},
		Unsaved: func(why error) { log.Error("the hotlist is not kept on the disk", logged(why)) },
	})
	followWhole(ctx, stack, "hotlist", follower, up, func(err error, pause time.Duration) {
		log.Error("the hotlist is not followed", "version", list.Version(), "again_in", pause, logged(err))
	})
	return current
}

func followOnce(ctx context.Context, follower *downlink.WholeFollower, up uplink) error {
	opts, err := up.options()
	if err != nil {
		return err
	}
	if away, err := up.ask(ctx, opts); err != nil && !away {
		return err
	}
	return follower.Follow(ctx, up.brokers, opts...)
}
