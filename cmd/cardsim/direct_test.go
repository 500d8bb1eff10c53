package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	embedded "citycard/broker"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/simulators/city"
	"citycard/simulators/crowd"
	"citycard/simulators/truth"
)

// TestDirectIntoKafka issues a city without chips, plays a day whole and a day in two parts,
// shuffled, and finds in Kafka exactly the records of the truth, each card's in the truth's order.
func TestDirectIntoKafka(t *testing.T) {
	keyPath, _ := keyFile(t)
	dir := t.TempDir()
	size := []string{"--direct", "--data", dir, "--seed", "5", "--cards", "1500", "--riders", "900"}
	if err := run(t, append([]string{"issue"}, size...)...); err != nil {
		t.Fatal(err)
	}
	people, err := registry.Import(filepath.Join(dir, "registry"))
	if err != nil {
		t.Fatalf("clearing does not take the registry: %v", err)
	}
	if counts := people.Counts(); counts["cards"] != 1500-5 || counts["purses"] != 900 {
		t.Errorf("registry %v", counts)
	}
	kafka := brokerOf(t, officialFares(t, dir, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)))
	city := slices.Concat([]string{"city", "--keys", keyPath, "--duplicates", "0.05"}, kafkaFlags(kafka), size)
	for _, more := range [][]string{
		{"--day", "20261124"}, {"--day", "20261125", "--order-seed", "3", "--part", "1/2"}, {"--day", "20261125", "--order-seed", "3", "--part", "2/2"},
	} {
		if err := run(t, append(slices.Clone(city), more...)...); err != nil {
			t.Fatalf("%v: %v", more, err)
		}
	}
	records, err := truth.ReadRecords(filepath.Join(dir, "truth"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for _, r := range records {
		want[r.Subject] = append(want[r.Subject], r.SHA256)
	}
	got, _ := readAll(t, kafka.Addr, len(records), clientOptions(t, kafka)...)
	for subject, hashes := range want {
		if subject != "" && !subsequence(hashes, got[message.TopicTaps][numberOf(subject)]) {
			t.Errorf("card %s: the broker has another order than the truth", subject)
		}
	}
	if err := run(t, append(slices.Clone(city), "--day", "20261125")...); err == nil || !strings.Contains(err.Error(), "played") {
		t.Errorf("the day again: %v", err)
	}
}

// cutting is a connection whose other side goes before it has answered.
type cutting struct{ net.Conn }

func (c cutting) Read([]byte) (int, error) {
	return 0, errors.Join(c.Close(), io.EOF)
}

// TestBrokerGoesAsItConnects: the broker is killed just as the city connects to it, several times.
// The records are sent all the same, each once.
func TestBrokerGoesAsItConnects(t *testing.T) {
	address := fakeBroker(t)
	var dialled atomic.Int32
	dial := func(ctx context.Context, network, host string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, host)
		if n := dialled.Add(1); err == nil && (n == 2 || n == 3) { // the first asks where the topic is
			return cutting{conn}, nil
		}
		return conn, err
	}
	mail, err := newPost([]string{address}, []kgo.Opt{kgo.Dialer(dial), kgo.RetryBackoffFn(func(int) time.Duration { return time.Millisecond })})
	if err != nil {
		t.Fatal(err)
	}
	defer mail.client.Close()
	letters := []crowd.Letter{{Key: []byte("card"), Value: []byte("first")}, {Key: []byte("card"), Value: []byte("second")}}
	if err := errors.Join(mail.send(t.Context(), 0, letters), mail.sent(t.Context())); err != nil {
		t.Fatal(err)
	}
	if dialled.Load() < 4 {
		t.Errorf("it has connected %d times", dialled.Load())
	}
	if got, _ := readAll(t, address, len(letters)); len(got[message.TopicTaps]["card"]) != len(letters) {
		t.Errorf("in Kafka is %v", got)
	}
}

// TestDirectRefusals: flags that need a city without chips, and directories that
// hold the other kind.
func TestDirectRefusals(t *testing.T) {
	keyPath, _ := keyFile(t)
	direct := t.TempDir()
	if err := run(t, "issue", "--direct", "--data", direct, "--cards", "200"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"city", "--keys", keyPath, "--order-seed", "3", "--sam-gaps", "0.1"}, "--order-seed --sam-gaps: only with --direct"},
		{[]string{"city", "--keys", keyPath, "--cards", "200", "--data", direct}, "holds a city without chips"},
		{[]string{"city", "--keys", keyPath, "--direct", "--cards", "300", "--data", direct}, "--cards 200"},
		{[]string{"city", "--keys", keyPath, "--days", "0"}, "--days 0"},
		{[]string{"city", "--keys", keyPath, "--direct", "--cards", "200", "--data", direct, "--tampered-fields", "tac,colour"}, `no field "colour"`},
		{[]string{"issue", "--direct", "--cards", "200", "--data", direct}, "holds issued cards"},
		{[]string{"issue", "--direct", "--cards", "20", "--data", t.TempDir()}, "want 100"},
		{[]string{"issue", "--direct", "--images", "x"}, "--images"},
	} {
		if err := run(t, test.args...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %q", test.args, err, test.want)
		}
	}
}

// TestDirectHelp: the help says the figures that the program has.
func TestDirectHelp(t *testing.T) {
	above := fmt.Sprintf("above %d cards", directFrom)
	for _, c := range []*ffcli.Command{issueCommand(), cityCommand()} {
		if usage := c.FlagSet.Lookup("direct").Usage; !strings.Contains(c.LongHelp, above) || !strings.Contains(usage, above) {
			t.Errorf("%s: the help does not say %q: %s; %s", c.Name, above, c.LongHelp, usage)
		}
	}
	rides, want := cityCommand().FlagSet.Lookup("rides").Usage, fmt.Sprintf("0: %d, direct %d", city.DefaultRides, crowd.DefaultRides)
	if !strings.HasSuffix(rides, want) {
		t.Errorf("--rides: %s, want %q", rides, want)
	}
}

// TestMode reads the flag, which may be given alone, with a truth value, or with auto.
func TestMode(t *testing.T) {
	for _, test := range []struct {
		args  []string
		cards int
		want  bool
	}{
		{nil, directFrom, false},
		{nil, directFrom + 1, true},
		{[]string{"--direct"}, 10, true},
		{[]string{"--direct=false"}, directFrom + 1, false},
		{[]string{"--direct", "--direct=auto"}, 10, false},
	} {
		s := settings{cards: test.cards}
		flags := flag.NewFlagSet("test", flag.ContinueOnError)
		s.registerDirect(flags)
		if err := flags.Parse(test.args); err != nil || s.direct() != test.want {
			t.Errorf("%v, %d cards: direct %v, %v", test.args, test.cards, s.direct(), err)
		}
	}
}

// brokerOf is an embedded broker that syncs what it writes, as citycard's is.
func brokerOf(t testing.TB, fares *message.FareTable) *embedded.Embedded {
	t.Helper()
	b, err := embedded.Start(t.TempDir(), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := kgo.NewClient(append(clientOptions(t, b), kgo.SeedBrokers(b.Addr))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	_, err = admin.CreateTopics(t.Context(), 4, 1, nil, message.InputTopics()...)
	if err == nil {
		_, err = admin.CreateTopics(t.Context(), 1, 1, nil, message.TopicFares)
	}
	if err != nil {
		t.Fatal(err)
	}
	value, err := proto.Marshal(fares)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicFares, Key: []byte(fares.GetVersion()), Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return b
}

// kafkaFlags are the flags with which a program can connect to an embedded broker.
func kafkaFlags(b *embedded.Embedded) []string {
	return []string{"--kafka", b.Addr, "--kafka-user", b.Access.User, "--kafka-password-file", b.Access.PasswordFile}
}

func clientOptions(t testing.TB, b *embedded.Embedded) []kgo.Opt {
	t.Helper()
	opts, err := b.Access.Options(b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

// TestCheckRefusals: if there is nothing to compare, that is an error and not agreement.
func TestCheckRefusals(t *testing.T) {
	if err := run(t, "check", "--data", t.TempDir()); err == nil || !strings.Contains(err.Error(), "no truth of a simulated city in") {
		t.Errorf("an empty directory: %v", err)
	}
	dir := t.TempDir()
	records := []truth.Record{{Topic: "taps", Verdict: truth.Cleared, Purpose: truth.Bus, Fen: 160, Day: 20261124, Subject: "0310", ID: "0109", Payee: "operator:a", SHA256: "00"}}
	if err := truth.Write(filepath.Join(dir, "truth"), records, nil, truth.Summarise(20261124, 1, records, nil)); err != nil {
		t.Fatal(err)
	}
	if err := run(t, "check", "--data", dir, "--books", t.TempDir()); err == nil || !strings.Contains(err.Error(), "no books in") {
		t.Errorf("no books: %v", err)
	}
	cut := filepath.Join(dir, "cut.jsonl")
	if err := os.WriteFile(cut, []byte(`{"export":{"version":3,"dialect":"postgres"}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t, "check", "--data", dir, "--export", cut); err == nil {
		t.Error("an export without an end is taken")
	}
}

// BenchmarkDirect plays a day of 150,000 riders into an embedded broker with synced
// writes that shares the processors; the truth is written beside it.
func BenchmarkDirect(b *testing.B) {
	keyPath, _ := keyFile(b)
	for b.Loop() {
		dir := b.TempDir()
		size := []string{"--direct", "--data", dir, "--cards", "150000"}
		if err := run(b, append([]string{"issue"}, size...)...); err != nil {
			b.Fatal(err)
		}
		kafka := brokerOf(b, officialFares(b, dir, time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)))
		started := time.Now()
		if err := run(b, slices.Concat([]string{"city", "--keys", keyPath, "--day", "20261124"}, kafkaFlags(kafka), size)...); err != nil {
			b.Fatal(err)
		}
		summary, err := truth.ReadSummary(filepath.Join(dir, "truth"))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(summary.Sent)/time.Since(started).Seconds(), "simulators.kafka_per_second")
		b.ReportMetric(float64(summary.Sent), "records")
	}
}
