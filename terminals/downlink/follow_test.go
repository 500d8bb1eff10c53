package downlink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"citycard/broker/kafkatest"
	"citycard/clearing/message"
	"citycard/terminals/downlink"
	"citycard/terminals/tariff"
)

// followed is a terminal's schedule that follows a cluster, and what it was told.
type followed struct {
	*testing.T
	ctx      context.Context
	path     string
	schedule *tariff.Schedule
	follower downlink.Follower
	clock    atomic.Pointer[time.Time]
	read     chan struct{}
	away     chan error
	refused  chan error
	unsaved  chan error
}

func newFollowed(t *testing.T) *followed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	f := &followed{
		T: t, ctx: ctx, path: filepath.Join(t.TempDir(), "fares"),
		read: make(chan struct{}, 1), away: make(chan error, 100), refused: make(chan error, 100), unsaved: make(chan error, 100),
	}
	return f.open()
}

// open opens the kept schedule, as a terminal does when it starts.
func (f *followed) open() *followed {
	f.Helper()
	f.clock.Store(&morning)
	var err error
	f.schedule, err = tariff.Open(f.path)
	must(f.T, err)
	f.follower = downlink.Follower{
		Schedule: f.schedule, Now: func() time.Time { return *f.clock.Load() }, Away: func(why error) { f.away <- why }, Refused: func(why error) { f.refused <- why }, Unsaved: func(why error) { f.unsaved <- why },
		Read: func() {
			select {
			case f.read <- struct{}{}:
			default:
			}
		},
	}
	return f
}

// follow follows brokers until stop is called, which returns how it ended.
func (f *followed) follow(brokers ...string) (stop func() error) {
	return f.followWith(brokers)
}

func (f *followed) followWith(brokers []string, opts ...kgo.Opt) (stop func() error) {
	ctx, cancel := context.WithCancel(f.ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.follower.Follow(ctx, brokers, opts...) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// know waits until the schedule, and its file, have the tables of these versions and no others.
func (f *followed) know(versions ...string) {
	f.Helper()
	for f.ctx.Err() == nil {
		kept, err := tariff.Open(f.path)
		if err == nil && slices.Equal(versionsOf(f.schedule), versions) && slices.Equal(versionsOf(kept), versions) {
			return
		}
		select {
		case <-f.ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	f.Fatalf("it knows %q, want %q", versionsOf(f.schedule), versions)
}

func versionsOf(s *tariff.Schedule) (list []string) {
	for _, t := range s.All() {
		list = append(list, t.Version())
	}
	return list
}

// published is a fare table in which each ride costs as much.
func published(version, from string, fen uint32) *message.FareTable {
	return &message.FareTable{
		Version: version, EffectiveFrom: from, MaximumFen: 100_000,
		Fares: []*message.CardFares{{CardType: 3, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 1, Fen: fen}}}}}},
	}
}

// topic is the topic fares of a cluster.
type topic struct {
	*testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
}

func newTopic(t *testing.T, opts ...kfake.Opt) *topic {
	t.Helper()
	cluster, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicFares))...)
	must(t, err)
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	must(t, err)
	t.Cleanup(client.Close)
	return &topic{t, cluster, client}
}

// put publishes tables; one without prices is a withdrawal.
func (p *topic) put(tables ...*message.FareTable) {
	p.Helper()
	for _, table := range tables {
		value, err := proto.Marshal(table)
		must(p.T, err)
		if len(table.GetFares()) == 0 {
			value = nil
		}
		p.raw(table.GetVersion(), value)
	}
}

func (p *topic) raw(key string, value []byte) {
	p.Helper()
	must(p.T, p.client.ProduceSync(p.Context(), &kgo.Record{Topic: message.TopicFares, Key: []byte(key), Value: value}).FirstErr())
}

func gone(version string) *message.FareTable { return &message.FareTable{Version: version} }

// TestFollow: what is published before the start and while the terminal runs reaches the schedule
// and its file; a tombstone takes one table away and leaves the others.
func TestFollow(t *testing.T) {
	p, f := newTopic(t), newFollowed(t)
	p.put(published("one", "20260101000000", 100), published("two", "20260601000000", 200), published("never", "20260301000000", 900), gone("never"))
	stop := f.follow(p.cluster.ListenAddrs()...)
	f.know("one", "two")
	<-f.read
	p.put(published("three", "20270101040000", 300))
	f.know("one", "two", "three")
	p.put(gone("three"), published("four", "20270101050000", 400))
	f.know("one", "two", "four")
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if len(f.away)+len(f.refused)+len(f.unsaved) != 0 {
		t.Error("it complains about a topic and a disk that work")
	}
}

// TestFollowTheCalendar: the calendar reaches the schedule and its file, with the tables and by
// itself. One that cannot be used changes nothing.
func TestFollowTheCalendar(t *testing.T) {
	p, f := newTopic(t), newFollowed(t)
	kinds := func(kinds ...byte) []byte {
		value, err := proto.Marshal(&message.DayKinds{First: "20260105", Kinds: kinds})
		must(t, err)
		return value
	}
	known := func(want ...byte) {
		t.Helper()
		for ; f.ctx.Err() == nil; time.Sleep(time.Millisecond) {
			kept, err := tariff.Open(f.path)
			if err == nil && bytes.Equal(f.schedule.Days().Message().GetKinds(), want) && bytes.Equal(kept.Days().Message().GetKinds(), want) {
				return
			}
		}
		t.Fatalf("it knows %v, want %v", f.schedule.Days().Message(), want)
	}
	p.raw(message.CalendarKey, kinds(1, 2))
	p.put(published("one", "20260101000000", 100))
	stop := f.follow(p.cluster.ListenAddrs()...)
	f.know("one")
	known(1, 2)
	p.raw(message.CalendarKey, kinds(1, 9))
	if err := <-f.refused; !strings.Contains(err.Error(), "has kind 9 of day 20260106, want 1 to 3") {
		t.Errorf("refused with %v", err)
	}
	known(1, 2)
	p.raw(message.CalendarKey, kinds(1, 3, 3))
	known(1, 3, 3)
	f.know("one")
	p.raw(message.CalendarKey, nil)
	known()
	_ = stop()
}

// TestRefusedTable: a record that is no usable table is named once, also when the topic is read
// again, and changes nothing: not even the table that was known under its key.
func TestRefusedTable(t *testing.T) {
	p, f := newTopic(t), newFollowed(t)
	p.put(published("one", "20260101000000", 100), published("two", "20260601000000", 200))
	stop := f.follow(p.cluster.ListenAddrs()...)
	f.know("one", "two")
	dear, err := proto.Marshal(published("two", "20260601000000", 100_001))
	must(t, err)
	p.raw("two", dear)
	p.raw("garbage", []byte{0xFF})
	other, err := proto.Marshal(published("other", "20260101000000", 100))
	must(t, err)
	p.raw("one", other)
	p.put(published("three", "20270101040000", 300))
	f.know("one", "two", "three")
	_ = stop()
	for _, want := range []string{`"two" at offset 2: fare table two, card type 3: a price of 100001 fen`, `"garbage" at offset 3: it is no fare table`, `"one" at offset 4: its key is not the version of its table, which is "other"`} {
		if err := <-f.refused; !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %s", err, want)
		}
	}
	for len(f.read) > 0 {
		<-f.read
	}
	stop = f.follow(p.cluster.ListenAddrs()...)
	<-f.read
	f.know("one", "two", "three")
	_ = stop()
	if len(f.refused) != 0 {
		t.Errorf("named again: %v", <-f.refused)
	}
	table, _ := f.schedule.Version("two")
	if fen, err := table.Bus(3, 1, time.Now()); err != nil || fen != 200 {
		t.Errorf("two costs %d, %v", fen, err)
	}
	// The good record of two is compacted away; a terminal that has kept the table goes on with
	// it.
	compacted := newTopic(t)
	compacted.raw("two", dear)
	compacted.put(published("three", "20270101040000", 300))
	stop = f.open().follow(compacted.cluster.ListenAddrs()...)
	f.know("two", "three")
	_ = stop()
}

// TestOldRecordsPassBy: a terminal that starts reads tables which have been withdrawn since. None
// of them ever holds, and a kept table whose tombstone is compacted away leaves.
func TestOldRecordsPassBy(t *testing.T) {
	p, f := newTopic(t), newFollowed(t)
	for i := range 200 {
		p.put(published("draft-"+strconv.Itoa(i), "20260201000000", 900))
	}
	for i := range 200 {
		p.put(gone("draft-" + strconv.Itoa(i)))
	}
	p.put(published("one", "20260101000000", 100))
	f.schedule.Set(nil, mustTable(t, published("one", "20260101000000", 100)), mustTable(t, published("stale", "20260301000000", 900)))
	must(t, f.schedule.Save())
	seen := make(chan string)
	watching, unwatch := context.WithCancel(f.ctx)
	go func() {
		defer close(seen)
		for watching.Err() == nil {
			table, err := f.schedule.At(time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC))
			if err != nil {
				seen <- err.Error()
				return
			}
			if table.Version() != "one" {
				seen <- table.Version()
				return
			}
		}
	}()
	stop := f.followWith(p.cluster.ListenAddrs(), kgo.FetchMaxBytes(1), kgo.FetchMaxPartitionBytes(1)) // one record at a time
	f.know("one")
	unwatch()
	if wrong, ok := <-seen; ok {
		t.Errorf("%q held for a moment", wrong)
	}
	_ = stop()
}

func mustTable(t *testing.T, m *message.FareTable) *tariff.Table {
	t.Helper()
	table, err := tariff.New(m)
	must(t, err)
	return table
}

// TestTopicLost: the broker goes away, which is said once, and comes back without its topic's
// records, then with other ones. The terminal keeps what it knows until tables are published again,
// or until the last one is withdrawn by name.
func TestTopicLost(t *testing.T) {
	address, number := freePort(t)
	f := newFollowed(t)
	run := func(steps func(p *topic)) {
		p := newTopic(t, kfake.Ports(number))
		defer p.cluster.Close()
		stop := f.follow(address)
		steps(p)
		_ = stop()
	}
	run(func(p *topic) {
		p.put(published("one", "20260101000000", 100), published("two", "20270101000000", 200))
		f.know("one", "two")
		<-f.read
		p.cluster.Close()
		<-f.away
		f.know("one", "two")
	})
	run(func(p *topic) {
		<-f.read
		f.know("one", "two")
		p.put(gone("two"))
		f.know("one")
		p.put(gone("one"))
		f.know()
		p.put(published("three", "20270101040000", 300))
		f.know("three")
	})
	if len(f.away) != 0 {
		t.Errorf("told again that the broker is away: %v", <-f.away)
	}
}

// TestTopicIsAwaited: a terminal starts before the broker, and the topic is made even later.
func TestTopicIsAwaited(t *testing.T) {
	address, number := freePort(t)
	f := newFollowed(t)
	stop := f.follow(address)
	<-f.away
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(number))
	must(t, err)
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	must(t, err)
	t.Cleanup(client.Close)
	asked := make(chan struct{}, 1000)
	cluster.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked <- struct{}{}
		return nil, nil, false
	})
	for range 5 { // it asks more than once
		<-asked
	}
	_, err = kadm.NewClient(client).CreateTopic(f.ctx, 1, 1, nil, message.TopicFares)
	must(t, err)
	(&topic{t, cluster, client}).put(published("one", "20260101000000", 100))
	f.know("one")
	_ = stop()
	if len(f.away) != 0 {
		t.Errorf("told again that the topic is away: %v", <-f.away)
	}
}

// freePort is a port at which a broker can come back.
func freePort(t *testing.T) (address string, number int) {
	t.Helper()
	number = kafkatest.FreePort(t)
	return fmt.Sprintf("127.0.0.1:%d", number), number
}

// TestTopicMadeAgain: a topic that is shorter than what was read ends the following; the next one
// reads it from its start.
func TestTopicMadeAgain(t *testing.T) {
	address, number := freePort(t)
	p, f := newTopic(t, kfake.Ports(number)), newFollowed(t)
	p.put(published("one", "20260101000000", 100), published("two", "20260601000000", 200))
	ended := make(chan error, 1)
	go func() { ended <- f.follower.Follow(f.ctx, []string{address}) }()
	f.know("one", "two")
	p.cluster.Close()
	p = newTopic(t, kfake.Ports(number))
	if err := <-ended; f.ctx.Err() != nil || !strings.Contains(err.Error(), "made again") {
		t.Fatalf("it ended with %v", err)
	}
	f.know("one", "two")
	p.put(published("two", "20260601000000", 200))
	stop := f.follow(address)
	f.know("two")
	_ = stop()
}

// TestLongBehind: a terminal that knew nothing new for 59 minutes goes on; after 61 the following
// ends, and the next one finds that a table is gone whose withdrawal is compacted away.
func TestLongBehind(t *testing.T) {
	p, f := newTopic(t), newFollowed(t)
	p.put(published("one", "20260101000000", 100), published("two", "20260601000000", 200))
	pass := func(minutes time.Duration) {
		now := f.clock.Load().Add(minutes * time.Minute)
		f.clock.Store(&now)
	}
	ended := make(chan error, 1)
	go func() { ended <- f.follower.Follow(f.ctx, p.cluster.ListenAddrs()) }()
	f.know("one", "two")
	<-f.read
	pass(59)
	p.put(published("three", "20270101040000", 300))
	f.know("one", "two", "three")
	<-f.read
	pass(61)
	p.put(published("three", "20270101040000", 300))
	select {
	case err := <-ended:
		if !strings.Contains(err.Error(), "was not read for 1h1m0s") {
			t.Errorf("it ended with %v", err)
		}
	case <-f.ctx.Done():
		t.Fatal("it reads on")
	}
	compacted := newTopic(t)
	compacted.put(published("one", "20260101000000", 100), published("three", "20270101040000", 300))
	stop := f.follow(compacted.cluster.ListenAddrs()...)
	f.know("one", "three")
	_ = stop()
}

// TestNoDisk: tables that cannot be kept count all the same; that is said once, until the disk
// takes them.
func TestNoDisk(t *testing.T) {
	p, f := newTopic(t), newFollowed(t)
	must(t, os.MkdirAll(filepath.Join(f.path, "in the way"), 0o700))
	p.put(published("one", "20260101000000", 100))
	stop := f.follow(p.cluster.ListenAddrs()...)
	<-f.unsaved
	<-f.read
	p.put(published("two", "20260601000000", 200))
	for !slices.Equal(versionsOf(f.schedule), []string{"one", "two"}) {
		must(t, f.ctx.Err())
		<-f.read
	}
	must(t, os.RemoveAll(f.path))
	f.know("one", "two")
	if len(f.unsaved) != 0 {
		t.Errorf("told again: %v", <-f.unsaved)
	}
	_ = stop()
}
