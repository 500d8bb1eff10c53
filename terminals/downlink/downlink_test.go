package downlink_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/downlink"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestNewestTableCounts(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicFares))
	must(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	must(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := downlink.Fares(ctx, cluster.ListenAddrs()); !errors.Is(err, downlink.ErrNoFares) {
		t.Fatalf("empty topic: %v", err)
	}
	for _, version := range []string{"v1", "v2"} {
		value, err := proto.Marshal(&message.FareTable{Version: version})
		must(t, err)
		must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Key: []byte("fares"), Value: value}).FirstErr())
	}
	table, err := downlink.Fares(ctx, cluster.ListenAddrs())
	must(t, err)
	if table.GetVersion() != "v2" {
		t.Errorf("version %s, want v2", table.GetVersion())
	}
	must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Value: []byte{0xFF}}).FirstErr())
	if _, err := downlink.Fares(ctx, cluster.ListenAddrs()); err == nil {
		t.Error("garbage was taken for a fare table")
	}
}

func TestBrokerAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := downlink.Fares(ctx, []string{"127.0.0.1:1"}); err == nil || errors.Is(err, downlink.ErrNoFares) {
		t.Errorf("%v, want the broker's absence", err)
	}
}

// TestBrokerComesBack asks while no broker listens and starts one meanwhile: the
// answer is the broker's.
func TestBrokerComesBack(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address, port := free.Addr().String(), free.Addr().(*net.TCPAddr).Port
	must(t, free.Close())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		_, err := downlink.Fares(ctx, []string{address})
		answered <- err
	}()
	select {
	case err := <-answered:
		t.Fatalf("gave up while the broker was away: %v", err)
	case <-time.After(500 * time.Millisecond):
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.SeedTopics(1, message.TopicFares))
	must(t, err)
	defer cluster.Close()
	if err := <-answered; !errors.Is(err, downlink.ErrNoFares) {
		t.Errorf("%v, want what the broker that came back says", err)
	}
}
