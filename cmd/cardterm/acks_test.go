package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/hotlist"
	"citycard/terminals/modes"
	"citycard/terminals/tariff"
)

// TestAcks: a lane says what it follows when it has a SAM, when that changes, each hour and when
// its clock has jumped, and nothing in between. The answers confirm the clock.
func TestAcks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicAcks))
	must(t, err)
	defer cluster.Close()
	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(message.TopicAcks), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(t, err)
	defer reader.Close()
	list, err := hotlist.Open(filepath.Join(t.TempDir(), "hotlist"))
	must(t, err)
	now := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	common := &shared{
		log: slog.New(slog.DiscardHandler), hot: list, hotRead: new(atomic.Int64), modes: &serviceModes{List: new(modes.List)},
		fares: &fares{Schedule: &tariff.Schedule{}, now: func() time.Time { return now }},
	}
	common.policy = openPolicy(policyFlags{}, common.log, filepath.Join(t.TempDir(), "current"), common.hotRead.Load)
	l := &lane{shared: common, settings: laneFlags{name: "gate-1"}}
	told := &acks{shared: common, lanes: []*lane{l}, up: uplink{brokers: cluster.ListenAddrs()}, said: map[string]*message.Ack{}}
	var got []*message.Ack
	tells := func(want int) *message.Ack {
		t.Helper()
		must(t, told.tell(ctx, time.Now()))
		for len(got) < want {
			fetches := reader.PollFetches(ctx)
			must(t, fetches.Err())
			fetches.EachRecord(func(r *kgo.Record) {
				ack := new(message.Ack)
				must(t, proto.Unmarshal(r.Value, ack))
				if string(r.Key) != "310000000002/gate-1" || time.Since(time.UnixMilli(ack.GetSent())) > time.Minute {
					t.Errorf("key %q, sent at %d", r.Key, ack.GetSent())
				}
				got = append(got, ack)
			})
		}
		if len(got) != want || want == 0 {
			return nil
		}
		return got[want-1]
	}
	tells(0)
	l.terminal.Store(&[6]byte{0x31, 5: 2})
	if ack := tells(1); ack.GetCurrent() != 0 || ack.GetHotlist() != 0 {
		t.Errorf("at first it says %v", ack)
	}
	common.hotRead.Store(1000)
	common.fares.read.Store(900)
	common.modes.read.Store(800)
	common.modes.Replace(&message.ModeList{Version: 6})
	list.Replace(7, nil)
	if ack := tells(2); ack.GetCurrent() != 800 || ack.GetHotlist() != 7 || ack.GetModes() != 6 || ack.GetLane() != "gate-1" {
		t.Errorf("then it says %v", ack)
	}
	common.hotRead.Store(2000)
	tells(2)
	told.said["310000000002/gate-1"].Sent -= time.Hour.Milliseconds()
	if ack := tells(3); ack.GetHotlist() != 7 {
		t.Errorf("after an hour it says %v", ack)
	}
	common.policy.clock.pass(time.Minute, time.Second)
	if common.policy.clock.sure() {
		t.Error("a clock that has jumped is sure")
	}
	tells(4)
	if !common.policy.clock.sure() || common.policy.clock.look(time.Now()) != nil {
		t.Errorf("the brokers have not confirmed the clock: %v", common.policy.clock.look(time.Now()))
	}
	tells(4)
	common.policy.clock.off = time.Minute // it was off when they were asked: they are asked again
	tells(5)
	if common.policy.clock.look(time.Now()) != nil {
		t.Errorf("a clock that was set right: %v", common.policy.clock.look(time.Now()))
	}
	if len(got) != 5 {
		t.Errorf("it has said %d times what it follows, want 5", len(got))
	}
	ahead := &kgo.Record{Topic: message.TopicAcks, Key: []byte("310000000002/gate-1"), Timestamp: time.Now().Add(time.Hour), Value: nil}
	must(t, reader.ProduceSync(ctx, ahead).FirstErr())
	common.policy.clock.pass(time.Minute, time.Second)
	must(t, told.tell(ctx, time.Now()))
	if err := common.policy.clock.look(time.Now()); !errors.Is(err, errClockJumps) {
		t.Errorf("a record from when a broker's clock was ahead says of this clock: %v", err)
	}
}
