package server

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/registry"
)

// TestLanes counts lanes that have all that is published, that are behind, whose clock is off, and
// one whose terminal nobody has registered.
func TestLanes(t *testing.T) {
	edition, err := registry.Import(clearingtest.WriteFiles(t, clearingtest.Files()))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	l := newLanes(registry.New(edition).Current, func() time.Time { return now })
	says := func(terminal, lane string, current time.Duration, clock time.Duration) {
		t.Helper()
		ack := &message.Ack{Terminal: clearingtest.Hex(terminal), Lane: lane, Current: now.Add(-current).Unix(), Sent: now.Add(clock).UnixMilli()}
		value, err := proto.Marshal(ack)
		if err != nil {
			t.Fatal(err)
		}
		l.take(&kgo.Record{Key: []byte(terminal + "/" + lane), Value: value, Timestamp: now})
	}
	bus := clearingtest.BusValidator
	says(bus, "1", 25*time.Hour, 0)
	says(bus, "1", 23*time.Hour, -31*time.Second)
	says(bus, "2", 24*time.Hour+time.Second, 30*time.Second)
	says(bus, "3", 0, 0)
	says("999999999999", "4", 48*time.Hour, time.Hour)
	l.take(&kgo.Record{Key: []byte("nobody"), Value: []byte{0xFF}, Timestamp: now})
	says("999999999999", "5", 48*time.Hour, time.Hour)
	l.take(&kgo.Record{Key: []byte("999999999999/5"), Timestamp: now}) // it is no more
	// A lane whose clock is years ahead is not believed for years: what it said is two days old.
	ahead, err := proto.Marshal(&message.Ack{Terminal: clearingtest.Hex(bus), Lane: "6", Current: now.AddDate(9, 0, 0).Unix(), Sent: now.Add(-48 * time.Hour).UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	l.take(&kgo.Record{Key: []byte(bus + "/6"), Value: ahead, Timestamp: now.Add(-48 * time.Hour)})
	pages := prometheus.NewRegistry()
	pages.MustRegister(l)
	families, err := pages.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]float64{}
	for _, f := range families {
		shown[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	want := map[string]float64{"citycard_lanes": 4, "citycard_lanes_behind": 2, "citycard_lanes_clock_off": 1, "citycard_lanes_clock_seconds": 31}
	if !maps.Equal(shown, want) {
		t.Errorf("shown is %v, want %v", shown, want)
	}
}

// TestLanesEnd: a terminal that names more and more lanes fills no memory.
func TestLanesEnd(t *testing.T) {
	l := newLanes(nil, time.Now)
	value, err := proto.Marshal(&message.Ack{Terminal: clearingtest.Hex(clearingtest.BusValidator)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 * mostLanes {
		l.take(&kgo.Record{Key: fmt.Appendf(nil, "%s/%d", clearingtest.BusValidator, n), Value: value, Timestamp: time.Now()})
	}
	known := l.known[[6]byte(clearingtest.Hex(clearingtest.BusValidator))]
	if len(known) != mostLanes {
		t.Errorf("%d lanes are known, want %d", len(known), mostLanes)
	}
	l.take(&kgo.Record{Key: []byte(clearingtest.BusValidator + "/0")})
	if len(known) != mostLanes-1 {
		t.Error("a lane that is withdrawn stays")
	}
}
