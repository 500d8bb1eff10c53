package outbox

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// Records of topics that are missing, or that the terminal may not write, do not stop its taps. One
// topic's are dropped and counted; the other's wait, over a restart too, and arrive once they can.
func TestRefusedRecordsStopNoOthers(t *testing.T) {
	for _, test := range []struct {
		name string
		acls bool
	}{{"no topic", false}, {"no right", true}} {
		t.Run(test.name, func(t *testing.T) {
			opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "taps")}
			login := func(string) []kgo.Opt { return nil }
			if test.acls {
				opts, login = withRights(opts)
			}
			cluster, err := kfake.NewCluster(opts...)
			must(t, err)
			defer cluster.Close()
			refusedOf(t, cluster, login)
		})
	}
}

func refusedOf(t *testing.T, cluster *kfake.Cluster, login func(user string) []kgo.Opt) {
	dir := t.TempDir()
	l, err := open(dir, unsynced(), 2048)
	must(t, err)
	mixed := func(from int) {
		for i := range 20 {
			must(t, l.Append(testRecord(from+i)))
			if i%10 == 3 {
				must(t, l.Append(Record{Topic: "word", Value: []byte("w")}, Record{Topic: "memo", Value: fmt.Append(nil, from+i)}))
			}
		}
	}
	mixed(0)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	client := func(user string, more ...kgo.Opt) *kgo.Client {
		client, err := kgo.NewClient(append(append(ProducerOptions(cluster.ListenAddrs()...), kgo.UnknownTopicRetries(0)), append(login(user), more...)...)...)
		must(t, err)
		return client
	}
	var words, memos atomic.Int64
	run := func(l *Log) (stop func()) {
		l.refusedPause = 100 * time.Millisecond
		forwarding, end := context.WithCancel(ctx)
		ended, c := make(chan error, 1), client("lane")
		go func() {
			ended <- l.Forward(forwarding, c, Lesser{Topic: "word", Drop: true, Refused: func(n int, _ error) { words.Add(int64(n)) }},
				Lesser{Topic: "memo", Refused: func(n int, _ error) { memos.Add(int64(n)) }})
		}()
		return func() { end(); <-ended; c.Close() }
	}
	stop := run(l)
	drainTo(ctx, t, l, 24)
	mixed(20)
	drainTo(ctx, t, l, 48)
	for memos.Load() < 8 { // again and again
		must(t, ctx.Err())
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if w := words.Load(); w != 4 {
		t.Errorf("%d words were dropped, want 4", w)
	}
	if s := l.Status(); s.Waiting() != 4 || s.Segments > 2 {
		t.Errorf("%+v, want the 4 memos waiting", s)
	}
	must(t, l.Close())

	root := client("root")
	defer root.Close()
	allow(ctx, t, root, len(login("root")) > 0)
	l, err = open(dir, unsynced(), 2048)
	must(t, err)
	stop = run(l)
	must(t, l.Drain(ctx))
	for l.Status().Waiting() > 0 {
		must(t, ctx.Err())
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	must(t, l.Close())
	reader := client("root", kgo.ConsumeTopics("taps", "memo", "word"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	seen := map[string][]string{}
	for n := 0; n < 44; n++ {
		fetched := reader.PollRecords(ctx, 1)
		must(t, fetched.Err())
		for _, r := range fetched.Records() {
			seen[r.Topic] = append(seen[r.Topic], string(r.Value))
		}
	}
	for i, value := range seen["taps"] {
		if value != string(testRecord(i).Value) {
			t.Errorf("tap %d is %s", i, value)
		}
	}
	slices.Sort(seen["memo"]) // they overtake each other
	if memos := fmt.Sprint(seen["memo"]); len(seen["taps"]) != 40 || memos != "[13 23 3 33]" || len(seen["word"]) != 0 {
		t.Errorf("%d taps, memos %s, words %s", len(seen["taps"]), memos, seen["word"])
	}
}

// drainTo waits until the position has passed so many records.
func drainTo(ctx context.Context, t *testing.T, l *Log, position uint64) {
	t.Helper()
	_, err := l.wait(ctx, func(s Status) bool { return s.Position >= position })
	must(t, err)
}

// withRights makes brokers ask for users: lane may write taps alone.
func withRights(opts []kfake.Opt) ([]kfake.Opt, func(user string) []kgo.Opt) {
	right := func(kind kmsg.ACLResourceType, name string, what kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: kind, Name: name, Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: what, Allow: true}
	}
	topic := kmsg.ACLResourceTypeTopic
	opts = append(opts, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "memo", "word"), kfake.Superuser("PLAIN", "root", "x"),
		kfake.User("PLAIN", "lane", "x", right(topic, "taps", kmsg.ACLOperationWrite), right(topic, "taps", kmsg.ACLOperationDescribe),
			right(kmsg.ACLResourceTypeCluster, "kafka-cluster", kmsg.ACLOperationIdempotentWrite)))
	return opts, func(user string) []kgo.Opt {
		return []kgo.Opt{kgo.SASL(plain.Auth{User: user, Pass: "x"}.AsMechanism())}
	}
}

// allow makes the missing topics, or gives lane the missing rights.
func allow(ctx context.Context, t *testing.T, root *kgo.Client, acls bool) {
	t.Helper()
	admin := kadm.NewClient(root)
	if !acls {
		_, err := admin.CreateTopics(ctx, 1, 1, nil, "memo", "word")
		must(t, err)
		return
	}
	_, err := admin.CreateACLs(ctx, kadm.NewACLs().Topics("memo", "word").Allow("User:lane").AllowHosts("*").
		Operations(kadm.OpWrite, kadm.OpDescribe).ResourcePatternType(kadm.ACLPatternLiteral))
	must(t, err)
}
