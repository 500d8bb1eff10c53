package downlink_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/terminals/downlink"
)

// A lane hears what the topic has, then what comes, and that something is over; a record that is no
// intent is told once and stops nothing. Each start reads the topic from its start.
func TestIntentsAreFollowed(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicIntents))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic(message.TopicIntents))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	produce := func(key string, value []byte) {
		t.Helper()
		if err := client.ProduceSync(t.Context(), &kgo.Record{Key: []byte(key), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	type heard struct{ key, value string }
	news := make(chan heard, 100)
	refused := make(chan error, 100)
	bad := errors.New("no intent")
	follower := &downlink.IntentFollower{
		Begin: func() { news <- heard{"begin", ""} },
		Heard: func(key, value []byte) error {
			if string(value) == "bad" {
				return bad
			}
			news <- heard{string(key), string(value)}
			return nil
		},
		Read: func() {}, Refused: func(why error) { refused <- why },
	}
	want := func(all ...heard) {
		t.Helper()
		for _, w := range all {
			select {
			case got := <-news:
				if got != w {
					t.Errorf("heard %v, want %v", got, w)
				}
			case <-time.After(time.Minute):
				t.Fatalf("nothing of %v", w)
			}
		}
	}
	produce("a", []byte("1"))
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- follower.Follow(ctx, cluster.ListenAddrs()) }()
		want(heard{"begin", ""}, heard{"a", "1"})
		if len(ended) == 0 && len(refused) == 0 {
			produce("x", []byte("bad"))
			produce("x", []byte("bad"))
			produce("a", nil)
			produce("a", []byte("1")) // for the next start
			want(heard{"a", ""}, heard{"a", "1"})
		} else {
			want(heard{"a", ""}, heard{"a", "1"})
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if err := <-refused; !errors.Is(err, bad) || len(refused) != 0 {
		t.Errorf("refused %v, and %d more", err, len(refused))
	}
}
