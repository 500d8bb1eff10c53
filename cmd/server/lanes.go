package server

import (
	"bytes"
	"context"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

const (
	// behindAfter is how long a lane may not have had all that is published.
	behindAfter = 24 * time.Hour
	// clockBound is how far a lane's clock may be from the brokers' when it says what it follows.
	// The way there takes a moment.
	clockBound = 30 * time.Second
	// mostLanes is how many lanes a terminal may have, or who writes the topic fills the memory.
	mostLanes = 256
)

// lane is since when a lane has had all that is published, by what it has said last, and how far
// its clock was from the brokers' then. What it says is believed of the past alone.
type lane struct {
	current time.Time
	clock   time.Duration
}

// lanes counts the lanes that are behind in what they follow, by what they say themselves. A lane
// whose terminal is registered no more is not counted.
type lanes struct {
	registry func() *index.Edition
	now      func() time.Time // in the city's zone

	mu    sync.Mutex
	known map[[6]byte]map[string]lane // by terminal and the key of its record

	all, behind, off, clock *prometheus.Desc
}

func newLanes(registry func() *index.Edition, now func() time.Time) *lanes {
	return &lanes{
		registry: registry, now: now, known: map[[6]byte]map[string]lane{},
		all:    prometheus.NewDesc("citycard_lanes", "Lanes of registered terminals that have said what they follow.", nil, nil),
		behind: prometheus.NewDesc("citycard_lanes_behind", "Lanes that have not had all fares, the whole hotlist and the service modes for a day, by what they say.", nil, nil),
		off:    prometheus.NewDesc("citycard_lanes_clock_off", "Lanes whose clock was more than 30 seconds from the brokers' when they last said what they follow.", nil, nil),
		clock:  prometheus.NewDesc("citycard_lanes_clock_seconds", "The largest distance of a lane's clock from the brokers' when it last said what it follows.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (l *lanes) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{l.all, l.behind, l.off, l.clock} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (l *lanes) Collect(out chan<- prometheus.Metric) {
	edition, now := l.registry(), l.now()
	day := ledger.DayOf(now)
	var all, behind, off int
	var clock time.Duration
	l.mu.Lock()
	defer l.mu.Unlock()
	for terminal, known := range l.known {
		if _, registered := edition.Terminal(terminal, day); !registered {
			continue
		}
		for _, lane := range known {
			all++
			if now.Sub(lane.current) > behindAfter {
				behind++
			}
			if lane.clock > clockBound {
				off++
			}
			clock = max(clock, lane.clock)
		}
	}
	gauge := func(desc *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	gauge(l.all, float64(all))
	gauge(l.behind, float64(behind))
	gauge(l.off, float64(off))
	gauge(l.clock, clock.Seconds())
}

// take notes what a lane says. A record that is no such statement is nobody's.
func (l *lanes) take(r *kgo.Record) {
	terminal, ok := terminalOf(string(r.Key))
	ack := new(message.Ack)
	if !ok || proto.Unmarshal(r.Value, ack) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.known[terminal]
	if len(r.Value) == 0 {
		if delete(known, string(r.Key)); len(known) == 0 {
			delete(l.known, terminal)
		}
		return
	}
	if _, again := known[string(r.Key)]; !bytes.Equal(ack.GetTerminal(), terminal[:]) || !again && len(known) >= mostLanes {
		return
	}
	if known == nil {
		known = map[string]lane{}
		l.known[terminal] = known
	}
	current := time.Unix(min(ack.GetCurrent(), r.Timestamp.Add(clockBound).Unix()), 0)
	known[string(r.Key)] = lane{current, r.Timestamp.Sub(time.UnixMilli(ack.GetSent())).Abs()}
}

// terminalOf reads whose lane a record is about, by its key.
func terminalOf(key string) (terminal [6]byte, ok bool) {
	digits, _, ok := strings.Cut(key, "/")
	number, err := hex.DecodeString(digits)
	if !ok || err != nil || len(number) != len(terminal) {
		return terminal, false
	}
	return [6]byte(number), true
}

// follow reads what lanes say until ctx ends. It waits for brokers that are away.
func (l *lanes) follow(ctx context.Context, kafka string, log *slog.Logger, opts []kgo.Opt) {
	client, err := broker.Connect(ctx, kafka, 10*time.Second, log, append([]kgo.Opt{
		kgo.ConsumeTopics(message.TopicAcks), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}, opts...)...)
	if err != nil {
		if ctx.Err() == nil {
			log.Error("it is not known what the lanes follow", "error", err)
		}
		return
	}
	defer client.Close()
	for ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(l.take)
	}
}
