package downlink_test

import (
	"context"
	"errors"
	"path/filepath"
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
	go func() { ended <- downlink.Hotlist(following, list, cluster.ListenAddrs()) }()
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
