package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/rules"
	"citycard/terminals/downlink"
)

// laterFares are the example fares, and the same ones from a day on.
func laterFares(from string) []byte {
	head, version, _ := strings.Cut(string(rules.Fares.Example()), `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	return []byte(head + `"versions": [` + version + "," + strings.NewReplacer(`"zz-2013"`, `"later"`, `"20131223"`, `"`+from+`"`).Replace(version) + "]}")
}

// TestPublishFares publishes an edition, the next one, and the first one once more, as a process
// does that stood still. Each time the topic has the edition's tables, and a second time changes
// nothing.
func TestPublishFares(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicFares))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	b := &Base{Kafka: cluster.ListenAddrs()[0], signer: &message.Signer{Key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}}
	if b.Admin, err = kgo.NewClient(kgo.SeedBrokers(b.Kafka)); err != nil {
		t.Fatal(err)
	}
	defer b.Admin.Close()
	first, err := clearingtest.Rules()
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.With(map[rules.Kind][]byte{rules.Fares: laterFares("20350101")})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		set     *rules.Set
		records int64 // of the topic after it: the calendar, tables, and what was signed of them
	}{{first, 3}, {first, 3}, {second, 5}, {second, 5}, {first, 7}, {second, 9}} {
		if err := b.publishFares(ctx, step.set); err != nil {
			t.Fatal(err)
		}
		standing, said, err := downlink.Read(ctx, cluster.ListenAddrs())
		if err != nil || len(standing) != 1+len(step.set.Tables.All()) || standing[message.CalendarKey] == nil {
			t.Errorf("%d records stand, %v; want the calendar and %d tables", len(standing), err, len(step.set.Tables.All()))
		}
		holds := map[string][]byte{}
		for key, r := range standing {
			holds[key] = r.Value
		}
		p, err := message.OpenPublication(message.PublicOf(b.signer.Key), message.TopicFares, said[message.PublicationKey].Value)
		if err != nil || p.GetVersion() != step.set.Edition.Number || p.GetRecords() != int64(len(holds)) || !bytes.Equal(p.GetHash(), message.RecordsHash(holds)) {
			t.Errorf("signed is %v, %v", p, err)
		}
		for _, table := range step.set.Tables.All() {
			if standing[table.Version()] == nil {
				t.Errorf("table %s does not stand", table.Version())
			}
		}
		ends, err := kadm.NewClient(b.Admin).ListEndOffsets(ctx, message.TopicFares)
		if err != nil {
			t.Fatal(err)
		}
		if end, _ := ends.Lookup(message.TopicFares, 0); end.Offset != step.records {
			t.Errorf("the topic has %d records, want %d", end.Offset, step.records)
		}
	}
}

// TestNewestFaresFirst: a terminal that reads a part of what is published has the table in force,
// or none that has begun; never an older one.
func TestNewestFaresFirst(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicFares))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	b := &Base{Kafka: cluster.ListenAddrs()[0]}
	if b.Admin, err = kgo.NewClient(kgo.SeedBrokers(b.Kafka), kgo.ConsumeTopics(message.TopicFares), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())); err != nil {
		t.Fatal(err)
	}
	defer b.Admin.Close()
	first, err := clearingtest.Rules()
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.With(map[rules.Kind][]byte{rules.Fares: laterFares("20350101")})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.publishFares(ctx, second); err != nil {
		t.Fatal(err)
	}
	var begins []string
	for len(begins) < 3 {
		fetches := b.Admin.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			if string(r.Key) == message.CalendarKey {
				begins = append(begins, "calendar")
				continue
			}
			table := new(message.FareTable)
			if err := proto.Unmarshal(r.Value, table); err != nil {
				t.Fatal(err)
			}
			begins = append(begins, table.GetEffectiveFrom())
		}
	}
	if want := []string{"calendar", "20350101000000", "20131223000000"}; !slices.Equal(begins, want) {
		t.Errorf("published in the order of %v, want %v", begins, want)
	}
}
