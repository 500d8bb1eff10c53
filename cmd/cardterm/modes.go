package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/downlink"
	"citycard/terminals/kept"
	"citycard/terminals/modes"
)

// serviceModes are the service modes by which the lanes act.
type serviceModes struct {
	*modes.List
	read atomic.Int64 // when they were last known to be the published ones, in seconds since 1970
}

// openModes opens the modes that are kept; a damaged file counts as none, since the broker has
// them.
func openModes(path string, log *slog.Logger) (*serviceModes, error) {
	list, err := modes.Open(path)
	if errors.Is(err, kept.ErrDamaged) {
		log.Warn("the service modes of the last run are not used", logged(err))
		err = nil
	}
	return &serviceModes{List: list}, err
}

// follow keeps the modes up to date in the background. The lanes go on with those they know while
// that does not work, which is said once.
func (m *serviceModes) follow(ctx context.Context, stack *service.Stack, log *slog.Logger, zone *time.Location, up uplink, registry *prometheus.Registry) {
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cardterm_modes_version", Help: "Version of the registry whose service modes the terminal knows, 0 for none.",
	}, func() float64 { return float64(m.Version()) }))
	failing := false
	follower := downlink.FollowModes(m.List, downlink.Watch{
		Trust: up.trust, Now: func() time.Time { return time.Now().In(zone) },
		Read: func() {
			if m.read.Store(time.Now().Unix()); failing {
				log.Info("the service modes are followed again", "version", m.Version())
			}
			failing = false
		},
		Refused: func(why error) {
			log.Error("published service modes are refused; the lanes go on with those they know", logged(why))
		},
		Unsaved: func(why error) { log.Error("the service modes are not kept on the disk", logged(why)) },
	})
	followWhole(ctx, stack, "service modes", follower, up, func(err error, _ time.Duration) {
		if !failing {
			log.Warn("the service modes are not followed; the lanes go on with those they know", "version", m.Version(), logged(err))
		}
		failing = true
	})
}

// followWhole follows a topic in the background until ctx ends.
func followWhole(ctx context.Context, stack *service.Stack, name string, follower *downlink.WholeFollower, up uplink, failed func(err error, pause time.Duration)) {
	read, known := false, follower.Read
	follower.Read = func() {
		read = true
		known()
	}
	stack.Go(ctx, name, func(ctx context.Context) {
		again(ctx, func(ctx context.Context) (gotOn bool, err error) {
			read = false
			err = followOnce(ctx, follower, up)
			return read, err
		}, failed)
	})
}

// modesAt are the modes in force at the lane's place.
func (l *lane) modesAt(at time.Time) (s modes.Set) {
	if l.modes == nil {
		return s
	}
	return l.settings.modesAt(l.modes.List, at)
}

// modesAt are the modes of a list in force at the lane's place. A desk acts by none.
func (l *laneFlags) modesAt(list *modes.List, at time.Time) (s modes.Set) {
	switch l.role {
	case roleGate:
		return list.At(modes.Place{Transport: message.Mode_MODE_METRO, Line: uint32(l.place.line), Station: uint32(l.place.station)}, at)
	case roleValidator:
		return list.At(modes.Place{Transport: message.Mode_MODE_BUS, Line: uint32(l.place.line)}, at)
	}
	return s
}

// released shows that the gate is open, if it is, and reports whether a card is to be left alone.
func (l *lane) released(at time.Time) bool {
	inForce := l.modesAt(at)
	if !inForce.Has(message.ServiceMode_SERVICE_MODE_EMERGENCY) {
		return false
	}
	l.taps.WithLabelValues(outcomeOpen).Inc()
	l.display.show(l.state(at, outcomeOpen))
	l.log.Info("a card is not read: the gate is open")
	return true
}

// state is the line of a lane that serves cards, or does not. A gate is open in an emergency,
// whether or not it could serve.
func (l *lane) state(at time.Time, outcome string) shown {
	inForce := l.modesAt(at)
	line := shown{Time: at, Lane: l.settings.name, Outcome: outcome, Sound: soundNone, Modes: codesOf(inForce.Kinds)}
	if inForce.Has(message.ServiceMode_SERVICE_MODE_EMERGENCY) {
		line.Outcome, line.Sound = outcomeOpen, soundWarning
	}
	return line
}

// codesOf are what modes are called in files.
func codesOf(kinds []message.ServiceMode) (codes []string) {
	for _, kind := range kinds {
		codes = append(codes, kind.Code())
	}
	return codes
}

// watchModes shows and logs when the modes of lanes begin and end, until ctx ends. Taps do not wait
// for it.
func watchModes(ctx context.Context, lanes []*lane) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before := make([]modes.Set, len(lanes))
	for {
		for i, l := range lanes {
			now := time.Now().In(l.zone)
			if inForce := l.modesAt(now); !inForce.Equal(before[i]) {
				before[i] = inForce
				l.tellModes(now, inForce)
			}
		}
		if len(lanes) > 0 {
			lanes[0].display.catchUp()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tellModes says which modes are in force from now on.
func (l *lane) tellModes(now time.Time, inForce modes.Set) {
	l.log.Warn("the service modes have changed", "in_force", codesOf(inForce.Kinds), "version", l.modes.Version())
	outcome := outcomeInService
	if l.trouble.Load() != nil {
		outcome = outcomeOutOfService
	}
	l.display.tell(l.state(now, outcome))
}

// modeGauges show the modes of the lanes on the pages.
type modeGauges struct {
	lanes []*lane
	mode  *prometheus.Desc
}

func newModeGauges(lanes []*lane) *modeGauges {
	return &modeGauges{lanes, prometheus.NewDesc("cardterm_lane_mode", "1 while a service mode is in force at the lane, else 0, by its kind.", []string{"lane", "mode"}, nil)}
}

// Describe implements prometheus.Collector.
func (g *modeGauges) Describe(out chan<- *prometheus.Desc) { out <- g.mode }

// Collect implements prometheus.Collector.
func (g *modeGauges) Collect(out chan<- prometheus.Metric) {
	for _, l := range g.lanes {
		if l.settings.role != roleGate && l.settings.role != roleValidator {
			continue
		}
		inForce := l.modesAt(time.Now().In(l.zone))
		for _, kind := range message.ServiceModes() {
			value := 0.0
			if slices.Contains(inForce.Kinds, kind) {
				value = 1
			}
			out <- prometheus.MustNewConstMetric(g.mode, prometheus.GaugeValue, value, l.settings.name, kind.Code())
		}
	}
}
