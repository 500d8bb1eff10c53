package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/broker"
	"citycard/broker/kafkatest"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/hotlist"
	"citycard/terminals/outbox"
)

// said is a log that can be read while it is written.
type said struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// all is everything that was said.
func (s *said) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// with lists the whole lines that hold all the words.
func (s *said) with(words ...string) (lines []string) {
	for line := range strings.Lines(s.all()) {
		all := strings.HasSuffix(line, "\n")
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// await waits until a line holds all the words.
func (s *said) await(ctx context.Context, t testing.TB, words ...string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(s.with(words...)) == 0 {
		select {
		case <-ctx.Done():
			t.Fatalf("the log has no line with %q:\n%s", words, s.all())
		case <-tick.C:
		}
	}
}

// TestPasswordPutRight runs a terminal with a wrong password against brokers that require TLS and a
// user. Its records wait and the log says why, for the hotlist and the fares too. Once the file is
// corrected the records arrive, each once, and the fares come, without a restart.
func TestPasswordPutRight(t *testing.T) {
	identity := kafkatest.NewIdentity(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-512", "gate-7", "secret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{identity.Certificate}}),
		kfake.SeedTopics(1, message.TopicTaps, message.TopicHotlist, message.TopicFares))
	must(t, err)
	defer cluster.Close()
	password := filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(password, []byte("guess\n"), 0o600))
	up := uplink{brokers: cluster.ListenAddrs(), access: broker.Access{CAFile: identity.CAFile, User: "gate-7", PasswordFile: password}}

	out, err := outbox.Open(filepath.Join(t.TempDir(), "outbox"))
	must(t, err)
	defer func() { must(t, out.Close()) }()
	const records = 20
	for i := range records {
		must(t, out.Append(outbox.Record{Topic: message.TopicTaps, Value: fmt.Append(nil, i)}))
	}
	list, err := hotlist.Open(filepath.Join(t.TempDir(), "hotlist"))
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var words said
	log := slog.New(slog.NewTextHandler(&words, nil))
	stack := service.NewStack(log, 30*time.Second)
	defer func() { must(t, stack.Close()) }()
	defer startForwarder(ctx, stack, log, up, prometheus.NewRegistry()).add(ctx, "1", out)()
	followHotlist(ctx, stack, log, time.UTC, list, up, prometheus.NewRegistry())
	words.await(ctx, t, "records wait in the outbox", "waiting=20", "user, password")
	words.await(ctx, t, "the hotlist is not followed", "user, password")
	f := newFares(t, log, prometheus.NewCounter(prometheus.CounterOpts{Name: "refused"}))
	stack.Go(ctx, "fares", func(ctx context.Context) { f.follow(ctx, up) })
	if err := f.await(ctx); err == nil || !strings.Contains(err.Error(), "user, password") {
		t.Errorf("a terminal without fares starts with %v", err)
	}
	f.started.Store(true)
	words.await(ctx, t, "the fares are not followed", "user, password")
	if s := out.Status(); s.Position != 0 || s.Waiting() != records {
		t.Errorf("with a wrong password %+v, want all %d records waiting", s, records)
	}
	must(t, os.WriteFile(password, []byte("secret\n"), 0o600))
	must(t, out.Drain(ctx))

	opts, err := up.options()
	must(t, err)
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(up.brokers...), kgo.ConsumeTopics(message.TopicTaps), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	must(t, err)
	defer client.Close()
	value, err := proto.Marshal(busFares("v1", "20200101000000", 1, 100))
	must(t, err)
	must(t, client.ProduceSync(ctx, &kgo.Record{Topic: message.TopicFares, Key: []byte("v1"), Value: value}).FirstErr())
	words.await(ctx, t, "the fares are followed again")
	for len(f.All()) == 0 {
		must(t, ctx.Err())
		<-f.news
	}
	for n := 0; n < records; {
		fetches := client.PollFetches(ctx)
		must(t, fetches.Err())
		for _, r := range fetches.Records() {
			if string(r.Value) != fmt.Sprint(n) {
				t.Errorf("record %d is %q", n, r.Value)
			}
			n++
		}
	}
}

// TestOpenPaymentsDoNotStopTaps: where the brokers have no topics for open payments, taps arrive
// all the same, in time, and the lane says what became of the rest.
func TestOpenPaymentsDoNotStopTaps(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps))
	must(t, err)
	defer cluster.Close()
	out, err := outbox.Open(filepath.Join(t.TempDir(), "outbox"))
	must(t, err)
	defer func() { must(t, out.Close()) }()
	for _, topic := range []string{message.TopicTaps, message.TopicIntents, message.TopicTapsUnconfirmed, message.TopicTaps} {
		must(t, out.Append(outbox.Record{Topic: topic, Key: []byte("key"), Value: []byte("value")}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var words said
	log := slog.New(slog.NewTextHandler(&words, nil))
	stack := service.NewStack(log, 30*time.Second)
	defer func() { must(t, stack.Close()) }()
	registry := prometheus.NewRegistry()
	defer startForwarder(ctx, stack, log, uplink{brokers: cluster.ListenAddrs()}, registry).add(ctx, "1", out)()
	must(t, out.Drain(ctx))
	words.await(ctx, t, "topic=intents", "records=1", "done=dropped")
	words.await(ctx, t, "topic=taps.unconfirmed", "records=1", `done="sent again later"`)
	if s := out.Status(); s.Waiting() != 1 {
		t.Errorf("%+v, want one record waiting", s)
	}
}
