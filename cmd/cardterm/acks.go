package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/downlink"
)

const (
	// ackLook is how often the lanes are asked whether they follow something else than before.
	ackLook = 10 * time.Second
	// ackEvery is how often a lane says what it follows while that stays the same.
	ackEvery = time.Hour
	// ackLimit is how long the brokers may take.
	ackLimit = 20 * time.Second
)

// acks tell clearing what the lanes follow.
type acks struct {
	*shared
	lanes []*lane
	up    uplink
	said  map[string]*message.Ack // by key, as they were acknowledged
}

// run tells it until ctx ends. While the brokers are away it says so once.
func (a *acks) run(ctx context.Context) {
	tick := time.NewTicker(ackLook)
	defer tick.Stop()
	for failing := false; ; {
		err := a.tell(ctx, time.Now())
		if err != nil && !failing && ctx.Err() == nil {
			a.log.Warn("clearing is not told what the lanes follow", logged(err))
		}
		failing = err != nil
		if err := a.policy.keep(time.Now()); err != nil {
			a.log.Warn("when the lanes last had all that is published is not written down", logged(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell sends what is news.
func (a *acks) tell(ctx context.Context, now time.Time) error {
	news, unsure := map[string]*message.Ack{}, !a.policy.clock.sure()
	for _, l := range a.lanes {
		ack := l.ack(now, a.up.trust)
		if ack == nil {
			continue
		}
		key := fmt.Sprintf("%x/%s", ack.GetTerminal(), ack.GetLane())
		if said := a.said[key]; said == nil || unsure || !sameAck(said, ack) || now.Sub(time.UnixMilli(said.GetSent())) >= ackEvery {
			news[key], unsure = ack, false
		}
	}
	if len(news) == 0 {
		return nil
	}
	opts, err := a.up.options()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(a.up.brokers...), kgo.RequiredAcks(kgo.AllISRAcks())}, opts...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	for key, ack := range news {
		before := time.Now()
		ack.Sent = before.UnixMilli()
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(ack)
		if err != nil {
			return err
		}
		said, err := client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicAcks, Key: []byte(key), Value: value}).First()
		if err != nil {
			return err
		}
		a.said[key] = ack
		a.compare(ctx, client, said, before)
	}
	return nil
}

// compare compares the clock with that of the brokers, which say when they stored the latest record
// of a partition: the one that was just stored there, or one behind it. An older one was stored
// while a broker's clock was ahead, and says nothing. Brokers before 3.0 do not know the question.
func (a *acks) compare(ctx context.Context, client *kgo.Client, said *kgo.Record, before time.Time) {
	offsets, err := kadm.NewClient(client).ListMaxTimestampOffsets(ctx, message.TopicAcks)
	if err != nil {
		return
	}
	latest, found := offsets.Lookup(message.TopicAcks, said.Partition)
	if found && latest.Err == nil && latest.Timestamp > 0 && latest.Offset >= said.Offset {
		a.policy.clock.hear(before, time.Now(), time.UnixMilli(latest.Timestamp))
	}
}

// sameAck reports whether two acks say the same, but for their times.
func sameAck(a, b *message.Ack) bool {
	return a.GetHotlist() == b.GetHotlist() && a.GetFares() == b.GetFares() && a.GetFareVersion() == b.GetFareVersion() && a.GetModes() == b.GetModes() && (a.GetCurrent() == 0) == (b.GetCurrent() == 0)
}

// ack is what a lane follows; nil for a lane without a SAM, whose number nobody knows.
func (l *lane) ack(now time.Time, trust *downlink.Trust) *message.Ack {
	terminal := l.terminal.Load()
	if terminal == nil {
		return nil
	}
	ack := &message.Ack{
		Terminal: terminal[:], Lane: l.settings.name, Hotlist: l.hot.Version(),
		FareVersion: version(l.fares.state().table), Current: min(l.hotRead.Load(), l.fares.read.Load(), l.modes.read.Load()), Modes: l.modes.Version(), Sent: now.UnixMilli(),
	}
	if trust != nil {
		ack.Hotlist, ack.Fares = trust.Version(message.TopicHotlist), trust.Version(message.TopicFares)
	}
	return ack
}
