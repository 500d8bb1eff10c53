package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/hotlist"
)

// TestOddHotlistRecord: neither a record that is no entry nor a disk that does not take the list
// keeps the next entry from a lane. Both are said.
func TestOddHotlistRecord(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicHotlist))
	must(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	must(t, err)
	defer client.Close()
	publish := func(value []byte) {
		t.Helper()
		must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicHotlist, Value: value}).FirstErr())
	}
	path := filepath.Join(t.TempDir(), "hotlist")
	list, err := hotlist.Open(path)
	must(t, err)
	must(t, os.MkdirAll(filepath.Join(path, "in the way"), 0o700))

	var words said
	log := slog.New(slog.NewTextHandler(&words, nil))
	stack := service.NewStack(log, 30*time.Second)
	defer func() { must(t, stack.Close()) }()
	followHotlist(ctx, stack, log, time.UTC, list, uplink{brokers: cluster.ListenAddrs()}, prometheus.NewRegistry())
	publish([]byte{0xFF})
	card, at := keys.Digits{0x50, 0x70, 7: 1}, time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	value, err := proto.Marshal(&message.HotlistEntry{Version: 1, Card: card[:], Rows: []*message.HotlistRow{{From: "20260105120000", Reason: "lost"}}})
	must(t, err)
	publish(value)
	words.await(ctx, t, "a published hotlist, or an entry of it, is refused", "offset 0")
	words.await(ctx, t, "the hotlist is not kept on the disk", path)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for list.Check(card, at) == nil {
		select {
		case <-ctx.Done():
			t.Fatalf("the lane does not refuse the card:\n%s", words.all())
		case <-tick.C:
		}
	}
	if lines := words.with("the hotlist is not followed"); len(lines) > 0 {
		t.Errorf("it says %q", lines)
	}
}
