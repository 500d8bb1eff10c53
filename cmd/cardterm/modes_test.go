package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
)

// modeLane is a lane of a role at line 1 and station 3, with modes.
func modeLane(t *testing.T, role string, list ...*message.ModeEntry) *lane {
	t.Helper()
	known, err := openModes(filepath.Join(t.TempDir(), "modes"), slog.New(slog.DiscardHandler))
	must(t, err)
	known.Replace(&message.ModeList{Version: 1, Modes: list})
	l := &lane{shared: &shared{zone: time.UTC, modes: known}, log: slog.New(slog.DiscardHandler), settings: laneFlags{name: "lane", role: role, place: anyPlace()}}
	l.settings.place.station = 3
	l.taps = newTapCounter(prometheus.NewRegistry()).MustCurryWith(prometheus.Labels{"lane": "lane"})
	return l
}

// TestReleasedGate: while a gate is open a card is not touched, nor is there a SAM or room for its
// record to be wanted; it shows that it is open, also if it is out of service. A bus and a desk
// know no release.
func TestReleasedGate(t *testing.T) {
	release := &message.ModeEntry{Id: "1", Kind: message.ServiceMode_SERVICE_MODE_EMERGENCY, Transport: message.Mode_MODE_METRO, Station: 3, From: "20260105120000", To: "20260105120000"}
	fault := &message.ModeEntry{Id: "2", Kind: message.ServiceMode_SERVICE_MODE_TRAIN_FAULT, Transport: message.Mode_MODE_METRO, Lines: []uint32{1}, From: "20260105120000"}
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	l := modeLane(t, roleGate, release, fault)
	if l.released(at.Add(-time.Millisecond)) || l.released(at.Add(time.Second)) {
		t.Error("it is open before or after its second")
	}
	must(t, l.take(t.Context(), nil, at)) // there is neither a card nor an outbox
	if n := counted(t, l, "open"); n != 1 {
		t.Errorf("%v cards are counted, want 1", n)
	}
	for _, test := range []struct {
		role, outcome string
		at            time.Duration
		want          string
		sound         int
		modes         string
		chinese       string
	}{
		{roleGate, outcomeInService, -time.Second, "in_service", 0, "", ""},
		{roleGate, outcomeInService, 0, "open", 2, "train_fault emergency", "闸机已开放：请直接通行，无需刷卡"},
		{roleGate, outcomeOutOfService, 0, "open", 2, "train_fault emergency", "闸机已开放：请直接通行，无需刷卡"},
		{roleGate, outcomeInService, time.Second, "in_service", 0, "train_fault", "本站列车停运：在此进站的乘客出站免费"},
		{roleGate, outcomeOutOfService, time.Second, "out_of_service", 0, "train_fault", "暂停服务，请使用其他通道"},
		{roleValidator, outcomeInService, 0, "in_service", 0, "", ""},
		{roleStation, outcomeInService, 0, "in_service", 0, "", ""},
	} {
		line := modeLane(t, test.role, release, fault).state(at.Add(test.at), test.outcome)
		words := ""
		if text := line.words(); text != nil {
			words = text.In(language.Chinese())
		}
		if line.Outcome != test.want || line.Sound != test.sound || strings.Join(line.Modes, " ") != test.modes || words != test.chinese {
			t.Errorf("%s, %s: %+v, %q; want %+v", test.role, test.outcome, line, words, test)
		}
	}
}

// TestModeGauges: each lane has a gauge of each mode.
func TestModeGauges(t *testing.T) {
	open := &message.ModeEntry{Id: "1", Kind: message.ServiceMode_SERVICE_MODE_NO_FARE, Transport: message.Mode_MODE_BUS, Lines: []uint32{1}, From: "20260105120000"}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newModeGauges([]*lane{modeLane(t, roleValidator, open), modeLane(t, roleStation, open)}))
	families, err := registry.Gather()
	must(t, err)
	if len(families) != 1 || len(families[0].GetMetric()) != len(message.ServiceModes()) {
		t.Fatalf("gathered %v", families)
	}
	for _, m := range families[0].GetMetric() {
		mode := m.GetLabel()[1].GetValue()
		if (m.GetGauge().GetValue() == 1) != (mode == "no_fare") {
			t.Errorf("%s is %v", mode, m.GetGauge().GetValue())
		}
	}
}

// TestModesAreFollowed: lanes take the modes that are published, and keep them.
func TestModesAreFollowed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicModes))
	must(t, err)
	defer cluster.Close()
	log := slog.New(slog.DiscardHandler)
	stack := service.NewStack(log, 30*time.Second)
	defer func() { must(t, stack.Close()) }()
	path := filepath.Join(t.TempDir(), "modes")
	known, err := openModes(path, log)
	must(t, err)
	known.follow(ctx, stack, log, time.UTC, uplink{brokers: cluster.ListenAddrs()}, prometheus.NewRegistry())
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	must(t, err)
	defer client.Close()
	value, err := proto.Marshal(&message.ModeList{Version: 7, Modes: []*message.ModeEntry{
		{Id: "1", Kind: message.ServiceMode_SERVICE_MODE_NO_FARE, Transport: message.Mode_MODE_BUS, Lines: []uint32{1}, From: "20260105120000"},
	}})
	must(t, err)
	must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicModes, Key: []byte(message.ModesKey), Value: value}).FirstErr())
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for known.Version() != 7 || known.read.Load() == 0 {
		select {
		case <-ctx.Done():
			t.Fatalf("the lanes know version %d", known.Version())
		case <-tick.C:
		}
	}
	again, err := openModes(path, log)
	if err != nil || again.Version() != 7 || !slices.Contains(codesOf(modeLaneOf(again).modesAt(time.Now()).Kinds), "no_fare") {
		t.Errorf("kept is version %d: %v", again.Version(), err)
	}
}

// modeLaneOf is a validator of line 1 with modes.
func modeLaneOf(known *serviceModes) *lane {
	return &lane{shared: &shared{zone: time.UTC, modes: known}, settings: laneFlags{role: roleValidator, place: anyPlace()}}
}

// TestDisplayIsToldTheState: a display that connects later is told the state of each lane, and one
// that has missed lines is told the last state as soon as it reads again.
func TestDisplayIsToldTheState(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	d, err := startDisplay(t.Context(), toSocket+socket, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	must(t, err)
	d.tell(shown{Lane: "gate-1", Outcome: outcomeInService})
	d.tell(shown{Lane: "gate-2", Outcome: outcomeOutOfService})
	d.tell(shown{Lane: "gate-1", Outcome: outcomeOpen})
	conn, err := net.Dial("unix", socket)
	must(t, err)
	defer conn.Close() //nolint:errcheck // the test ends
	lines := bufio.NewScanner(conn)
	told := map[string]string{}
	read := func() {
		t.Helper()
		var line shown
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &line) != nil {
			t.Fatalf("it reads %q, %v", lines.Text(), lines.Err())
		}
		told[line.Lane] = line.Outcome
	}
	read()
	read()
	if told["gate-1"] != outcomeOpen || told["gate-2"] != outcomeOutOfService {
		t.Errorf("who connects is told %v", told)
	}
	for range 100_000 { // more than the socket and the queue hold
		d.show(shown{Lane: "gate-1", Outcome: outcomePaid, Fen: new(uint32), Balance: new(int32)})
	}
	d.tell(shown{Lane: "gate-1", Outcome: outcomeInService})
	for told["gate-1"] != outcomeInService {
		d.catchUp()
		read()
	}
	must(t, conn.Close())
	must(t, d.Close(t.Context()))
}
