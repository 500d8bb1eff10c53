package city

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
)

func TestFetchFares(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicFares))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	brokers := cluster.ListenAddrs()
	if _, err := FetchFares(ctx, brokers); !errors.Is(err, ErrNoFares) {
		t.Fatalf("empty topic: %v", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	publish := func(value []byte) {
		t.Helper()
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Key: []byte("current"), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"old", "new"} {
		value, err := proto.Marshal(&message.FareTable{Version: version})
		if err != nil {
			t.Fatal(err)
		}
		publish(value)
	}
	got, err := FetchFares(ctx, brokers)
	if err != nil || got.GetVersion() != "new" {
		t.Fatalf("fares %v, %v; want the last record", got, err)
	}
	publish([]byte{0x0F, 1, 2})
	if _, err := FetchFares(ctx, brokers); err == nil || errors.Is(err, ErrNoFares) {
		t.Errorf("noise was taken for a fare table: %v", err)
	}
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	defer stop()
	if _, err := FetchFares(short, []string{"127.0.0.1:1"}); err == nil {
		t.Error("fares from a broker that is not there")
	}
}
