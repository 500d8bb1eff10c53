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

	"citycard/clearing/message"
	"citycard/cmd/service"
)

// TestKeptFaresUnreadable starts a lane whose kept fares cannot be read, since a folder is in their
// place. It says so and charges by what is published.
func TestKeptFaresUnreadable(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicFares))
	must(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	must(t, err)
	defer client.Close()
	value, err := proto.Marshal(busFares("v1", "20200101000000", 1, 100))
	must(t, err)
	must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Key: []byte("v1"), Value: value}).FirstErr())
	path := filepath.Join(t.TempDir(), "fares")
	must(t, os.MkdirAll(filepath.Join(path, "in the way"), 0o700))

	var words said
	log := slog.New(slog.NewTextHandler(&words, nil))
	stack := service.NewStack(log, 30*time.Second)
	defer func() { must(t, stack.Close()) }()
	f := newFares(t, log, prometheus.NewCounter(prometheus.CounterOpts{Name: "refused"}))
	must(t, new(agent).fillFares(ctx, stack, f, path, uplink{brokers: cluster.ListenAddrs()}))
	if table, err := f.At(time.Now()); err != nil || table.Version() != "v1" {
		t.Errorf("the lane charges by %v, %v; want v1", table, err)
	}
	words.await(ctx, t, "the fares that were kept are not used", path)
	words.await(ctx, t, "the fares are not kept on the disk", path)
}
