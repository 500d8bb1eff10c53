package downlink_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/downlink"
	"citycard/terminals/tariff"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ignore(error) {}

// morning is four o'clock.
var morning = time.Date(2026, 1, 5, 4, 0, 0, 0, time.UTC)

func TestTableOfTheMomentCounts(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicFares))
	must(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	must(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	short, stop := context.WithCancel(ctx)
	if _, err := downlink.Fares(short, cluster.ListenAddrs(), morning, func(error) { stop() }); !errors.Is(err, tariff.ErrNone) {
		t.Fatalf("empty topic: %v", err)
	}
	publish := func(version, from string) {
		t.Helper()
		value, err := proto.Marshal(published(version, from, 100))
		must(t, err)
		if from == "" {
			value = nil
		}
		must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Key: []byte(version), Value: value}).FirstErr())
	}
	publish("later", "20260105040001")
	again, stopAgain := context.WithCancel(ctx)
	var waits error
	_, err = downlink.Fares(again, cluster.ListenAddrs(), morning, func(why error) { waits = why; stopAgain() })
	if err == nil || !errors.Is(waits, tariff.ErrNone) {
		t.Fatalf("no table of the moment: %v, waiting for %v", err, waits)
	}
	publish("withdrawn", "20260105040000")
	publish("v2", "20260105040000")
	publish("v1", "20260105035959")
	publish("withdrawn", "")
	fares, err := downlink.Fares(ctx, cluster.ListenAddrs(), morning, ignore)
	must(t, err)
	if table, err := fares.At(morning); err != nil || table.Version() != "v2" || len(fares.All()) != 3 {
		t.Errorf("%d tables, %v, want 3, of which v2 holds", len(fares.All()), err)
	}
	must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Value: []byte{0xFF}}).FirstErr())
	if _, err := downlink.Fares(ctx, cluster.ListenAddrs(), morning, ignore); err == nil {
		t.Error("garbage was taken for a fare table")
	}
}

func TestBrokerAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := downlink.Fares(ctx, []string{"127.0.0.1:1"}, morning, ignore); err == nil || errors.Is(err, tariff.ErrNone) {
		t.Errorf("%v, want the broker's absence", err)
	}
}

// TestTransactions reads a topic whose last offset is the end of a transaction: what was committed
// stands, what was aborted does not.
func TestTransactions(t *testing.T) {
	p := newTopic(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.cluster.ListenAddrs()...), kgo.TransactionalID("test"))
	must(t, err)
	defer client.Close()
	p.put(published("one", "20260101000000", 100))
	for version, end := range map[string]kgo.TransactionEndTry{"committed": kgo.TryCommit, "aborted": kgo.TryAbort} {
		value, err := proto.Marshal(published(version, "20260101000000", 100))
		must(t, err)
		must(t, client.BeginTransaction())
		must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Key: []byte(version), Value: value}).FirstErr())
		must(t, client.EndTransaction(ctx, end))
	}
	standing, err := downlink.Standing(ctx, p.cluster.ListenAddrs())
	if err != nil || len(standing) != 2 || standing["one"] == nil || standing["committed"] == nil {
		t.Errorf("%d tables stand, %v; want one, committed", len(standing), err)
	}
}

// TestFaresAreAwaited starts a terminal before the broker; the topic is made and filled even later.
// The terminal says once that it waits, and has the fares in the end.
func TestFaresAreAwaited(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	address, number := freePort(t)
	waits := make(chan error, 10)
	type answer struct {
		fares *tariff.Schedule
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		fares, err := downlink.Fares(ctx, []string{address}, morning, func(why error) { waits <- why })
		answers <- answer{fares, err}
	}()
	<-waits
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(number))
	must(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.AllowAutoTopicCreation())
	must(t, err)
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, message.TopicFares)
	must(t, err)
	value, err := proto.Marshal(published("v1", "20260101000000", 100))
	must(t, err)
	must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Key: []byte("v1"), Value: value}).FirstErr())
	got := <-answers
	must(t, got.err)
	if table, err := got.fares.At(morning); err != nil || table.Version() != "v1" {
		t.Errorf("fares %v, %v", table, err)
	}
	if len(waits) > 0 {
		t.Errorf("it said %d times more that it waits, want once", len(waits))
	}
}

// TestTrimmedTopic reads a topic of two partitions whose first records the broker has deleted: all
// of one partition, the first of the other.
func TestTrimmedTopic(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, message.TopicFares))
	must(t, err)
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	must(t, err)
	defer client.Close()
	for i, version := range []string{"one", "two", "three"} {
		value, err := proto.Marshal(published(version, "20260101000000", 100))
		must(t, err)
		record := &kgo.Record{Topic: message.TopicFares, Partition: int32(i % 2), Key: []byte(version), Value: value}
		must(t, client.ProduceSync(ctx, record).FirstErr())
	}
	var before kadm.Offsets
	before.AddOffset(message.TopicFares, 0, 1, -1)
	before.AddOffset(message.TopicFares, 1, 1, -1)
	deleted, err := kadm.NewClient(client).DeleteRecords(ctx, before)
	must(t, err)
	must(t, deleted.Error())
	standing, err := downlink.Standing(ctx, cluster.ListenAddrs())
	if err != nil || len(standing) != 1 || standing["three"] == nil {
		t.Errorf("%d tables stand, %v; want three", len(standing), err)
	}
}
