package downlink_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/downlink"
	"citycard/terminals/hotlist"
)

// TestHotlist follows the topic: what was committed before and after the start
// reaches the list and its file; what was aborted does not.
func TestHotlist(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicHotlist))
	must(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("test"))
	must(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	card := keys.Digits{0x50, 0x70, 7: 1}
	publish := func(version int64, end kgo.TransactionEndTry, rows ...*message.HotlistRow) {
		value, err := proto.Marshal(&message.HotlistEntry{Version: version, Card: card[:], Rows: rows})
		must(t, err)
		must(t, client.BeginTransaction())
		must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicHotlist, Key: card[:], Value: value}).FirstErr())
		must(t, client.EndTransaction(ctx, end))
	}
	publish(1, kgo.TryCommit, &message.HotlistRow{From: "20260105120000", Reason: "lost"})
	publish(9, kgo.TryAbort, &message.HotlistRow{From: "20990105120000", Reason: "never"})

	path := filepath.Join(t.TempDir(), "hotlist")
	list, err := hotlist.Open(path)
	must(t, err)
	following, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	follower := downlink.FollowHotlist(list, downlink.Watch{
		Read: func() {}, Refused: func(why error) { t.Error(why) }, Unsaved: func(why error) { t.Error(why) },
	})
	go func() { ended <- follower.Follow(following, cluster.ListenAddrs()) }()
	// kept waits for a version in the file.
	kept := func(version int64) *hotlist.List {
		for {
			must(t, ctx.Err())
			if l, err := hotlist.Open(path); err == nil && l.Version() == version {
				return l
			}
		}
	}
	at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	if err := kept(1).Check(card, at); err == nil {
		t.Error("the kept list does not refuse the card")
	}
	publish(2, kgo.TryCommit, &message.HotlistRow{From: "20260105120000", To: "20260105120000", Reason: "lost"})
	if err := kept(2).Check(card, at.Add(time.Second)); err != nil {
		t.Errorf("the card that was found again is refused: %v", err)
	}
	if err := list.Check(card, at); err == nil || list.Version() != 2 {
		t.Errorf("the list stands at version %d: %v", list.Version(), err)
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("following ended with %v", err)
	}
}

// hotlistTopic is the topic hotlist of a cluster.
type hotlistTopic struct {
	*testing.T
	ctx     context.Context
	cluster *kfake.Cluster
	client  *kgo.Client
}

func newHotlistTopic(t *testing.T) *hotlistTopic {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicHotlist))
	must(t, err)
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	must(t, err)
	t.Cleanup(client.Close)
	return &hotlistTopic{t, ctx, cluster, client}
}

func (p *hotlistTopic) raw(key, value []byte) {
	p.Helper()
	must(p.T, p.client.ProduceSync(p.ctx, &kgo.Record{Topic: message.TopicHotlist, Key: key, Value: value}).FirstErr())
}

// list publishes a card as lost from noon on.
func (p *hotlistTopic) list(version int64, card keys.Digits) {
	p.Helper()
	value, err := proto.Marshal(&message.HotlistEntry{Version: version, Card: card[:], Rows: []*message.HotlistRow{{From: "20260105120000", Reason: "lost"}}})
	must(p.T, err)
	p.raw(card[:], value)
}

// TestOddHotlistRecord: a record that is no entry is named once, also when the topic is read again,
// and does not keep the entries behind it from the list.
func TestOddHotlistRecord(t *testing.T) {
	p := newHotlistTopic(t)
	first, last := keys.Digits{0x50, 0x70, 7: 1}, keys.Digits{0x50, 0x70, 7: 2}
	p.list(1, first)
	p.raw([]byte("garbage"), []byte{0xFF})
	short, err := proto.Marshal(&message.HotlistEntry{Version: 2, Card: first[:3]})
	must(t, err)
	p.raw(first[:3], short)
	p.list(3, last)
	list, err := hotlist.Open(filepath.Join(t.TempDir(), "hotlist"))
	must(t, err)
	read, refused := make(chan struct{}, 1), make(chan error, 100)
	follower := downlink.FollowHotlist(list, downlink.Watch{
		Refused: func(why error) { refused <- why }, Unsaved: func(why error) { t.Error(why) },
		Read: func() { read <- struct{}{} },
	})
	for range 2 {
		following, stop := context.WithCancel(p.ctx)
		ended := make(chan error, 1)
		go func() { ended <- follower.Follow(following, p.cluster.ListenAddrs()) }()
		select {
		case <-read:
		case err := <-ended:
			t.Fatalf("following ended with %v", err)
		}
		stop()
		<-ended
		at := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
		if list.Check(first, at) == nil || list.Check(last, at) == nil || list.Version() != 3 {
			t.Errorf("the list has %d cards at version %d, want both at 3", list.Cards(), list.Version())
		}
	}
	for _, want := range []string{"the record at offset 1: it is no entry", "the record at offset 2: hotlist: digits of a card number in 3 bytes"} {
		if len(refused) == 0 {
			t.Errorf("nothing says that %s", want)
		} else if err := <-refused; !strings.Contains(err.Error(), want) {
			t.Errorf("refused with %v, want %s", err, want)
		}
	}
	if len(refused) > 0 {
		t.Errorf("named again: %v", <-refused)
	}
}

// TestHotlistWithoutDisk: a list that cannot be kept counts all the same, and so do entries that
// come later; that is said once, until the disk takes the list.
func TestHotlistWithoutDisk(t *testing.T) {
	p := newHotlistTopic(t)
	path := filepath.Join(t.TempDir(), "hotlist")
	list, err := hotlist.Open(path)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	read, unsaved := make(chan struct{}, 100), make(chan error, 100)
	follower := downlink.FollowHotlist(list, downlink.Watch{
		Refused: func(why error) { t.Error(why) }, Unsaved: func(why error) { unsaved <- why },
		Read: func() { read <- struct{}{} },
	})
	following, stop := context.WithCancel(p.ctx)
	ended := make(chan error, 1)
	go func() { ended <- follower.Follow(following, p.cluster.ListenAddrs()) }()
	knows := func(cards int) {
		t.Helper()
		for list.Cards() < cards {
			select {
			case <-read:
			case err := <-ended:
				t.Fatalf("following ended with %v", err)
			}
		}
	}
	p.list(1, keys.Digits{0x50, 0x70, 7: 1})
	knows(1)
	<-unsaved
	p.list(2, keys.Digits{0x50, 0x70, 7: 2})
	knows(2)
	must(t, os.RemoveAll(path))
	p.list(3, keys.Digits{0x50, 0x70, 7: 3})
	for {
		must(t, p.ctx.Err())
		if kept, err := hotlist.Open(path); err == nil && kept.Cards() == 3 {
			break
		}
	}
	stop()
	<-ended
	if len(unsaved) > 0 {
		t.Errorf("told again: %v", <-unsaved)
	}
}
