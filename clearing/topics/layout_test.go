package topics_test

import (
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/broker/kafkatest"
	"citycard/clearing/message"
	"citycard/clearing/topics"
)

// connect makes a client of the cluster at an address.
func connect(t *testing.T, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := broker.Connect(t.Context(), addr, 20*time.Second, slog.New(slog.DiscardHandler), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// cluster runs a cluster in memory and gives a client of it.
func cluster(t *testing.T, brokers int, opts ...kfake.Opt) *kgo.Client {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(brokers))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return connect(t, c.ListenAddrs()[0])
}

// settingsOf reads a topic's settings from its brokers.
func settingsOf(t *testing.T, client *kgo.Client, topic string) map[string]string {
	t.Helper()
	configs, err := kadm.NewClient(client).DescribeTopicConfigs(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for _, c := range configs[0].Configs {
		settings[c.Key] = c.MaybeValue()
	}
	return settings
}

// wantTopics compares what was made with what a topic must be like.
func wantTopics(t *testing.T, client *kgo.Client, partitions, replicas int, insync string) {
	t.Helper()
	keeps := map[string]string{
		"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime", "min.insync.replicas": insync,
	}
	truth := maps.Clone(keeps)
	truth["compression.type"] = "uncompressed"
	compacted := map[string]string{"cleanup.policy": "compact", "min.insync.replicas": insync}
	timed := maps.Clone(compacted)
	timed["message.timestamp.type"] = "LogAppendTime"
	want := map[string]map[string]string{
		"taps": truth, "loads": truth, "medical.requests": truth, "pension.batches": truth, "pension.results": truth, "taps.unconfirmed": truth, "exit.tickets": truth,
		"rejects.transit": keeps, "rejects.loads": keeps, "rejects.medical": keeps, "rejects.pension": keeps, "cleared": keeps,
		"fares": compacted, "registry": compacted, "hotlist": compacted, "modes": compacted, "intents": compacted, "acks": timed,
	}
	topics, err := kadm.NewClient(client).ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for topic, settings := range want {
		found := settingsOf(t, client, topic)
		for name, value := range settings {
			if found[name] != value {
				t.Errorf("%s was made with %s=%q, want %q", topic, name, found[name], value)
			}
		}
		parts := partitions
		if settings["cleanup.policy"] == "compact" {
			parts = 1
		}
		detail := topics[topic]
		if len(detail.Partitions) != parts || len(detail.Partitions[0].Replicas) != replicas {
			t.Errorf("%s has %d partitions of %d replicas, want %d of %d", topic, len(detail.Partitions), len(detail.Partitions[0].Replicas), parts, replicas)
		}
		delete(topics, topic)
	}
	topics.FilterInternal()
	if len(topics) != 0 {
		t.Errorf("made as well: %v", topics.Names())
	}
}

// TestMade looks at what is made on clusters of several sizes and with several wishes.
func TestMade(t *testing.T) {
	for _, test := range []struct {
		brokers  int
		layout   topics.Layout
		replicas int
		insync   string
	}{
		{1, topics.Layout{}, 1, "1"},
		{2, topics.Layout{}, 2, "2"},
		{3, topics.Layout{}, 3, "2"},
		{5, topics.Layout{}, 3, "2"},
		{5, topics.Layout{Replicas: 5}, 5, "3"},
		{3, topics.Layout{Replicas: 2, MinInsync: 1}, 2, "1"},
		{3, topics.Layout{Replicas: 3, MinInsync: 3}, 3, "3"},
	} {
		client := cluster(t, test.brokers)
		test.layout.Partitions = 4
		for range 2 { // what was made fits
			if err := test.layout.Ensure(t.Context(), client, topics.All()...); err != nil {
				t.Fatal(err)
			}
		}
		wantTopics(t, client, 4, test.replicas, test.insync)
	}
	client := cluster(t, 3)
	if err := (topics.Layout{Partitions: 1, Replicas: 2, MinInsync: 3}).Ensure(t.Context(), client, topics.All()...); err == nil {
		t.Error("3 of 2 replicas were to acknowledge")
	}
	if err := (topics.Layout{Partitions: 1, Replicas: 4}).Ensure(t.Context(), client, topics.All()...); err == nil || !strings.Contains(err.Error(), "with 4 replicas") {
		t.Errorf("4 replicas on 3 brokers: %v", err)
	}
}

// good are settings with which an input topic may be there already.
func good() map[string]string {
	return map[string]string{
		"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime", "min.insync.replicas": "1",
		"compression.type": "uncompressed",
	}
}

func altered(name, value string) map[string]string {
	settings := good()
	settings[name] = value
	return settings
}

// TestThereAlready finds topics of somebody else's making.
func TestThereAlready(t *testing.T) {
	compacted := map[string]string{"cleanup.policy": "compact"}
	for _, test := range []struct {
		name     string
		topic    string
		settings map[string]string
		want     string // what the error says; empty: the topic is taken
	}{
		{"as it should be", message.TopicTaps, good(), ""},
		{"kept for a week", message.TopicTaps, altered("retention.ms", "604800000"), "topic taps: retention.ms is 604800000, want -1; correct"},
		{"kept up to a size", message.TopicLoads, altered("retention.bytes", "1000000000"), "topic loads: retention.bytes is 1000000000, want -1;"},
		{"compacted", message.TopicMedicalRequests, altered("cleanup.policy", "compact"), "cleanup.policy is compact, want delete"},
		{"compacted as well", message.TopicTaps, altered("cleanup.policy", "compact,delete"), "cleanup.policy is compact,delete, want delete"},
		{"the producer's time", message.TopicPensionBatches, altered("message.timestamp.type", "CreateTime"), "message.timestamp.type is CreateTime, want LogAppendTime"},
		{"packed by the producer", message.TopicTaps, altered("compression.type", "producer"), "compression.type is producer, want uncompressed"},
		{"more replicas than there are", message.TopicTaps, altered("min.insync.replicas", "2"), "min.insync.replicas is 2, want at least 1 of its 1 replicas"},
		{"an unclean leader", message.TopicTaps, altered("unclean.leader.election.enable", "true"), "unclean.leader.election.enable is true, want false"},
		{"a week of rejects", message.TopicRejectsTransit, map[string]string{"retention.ms": "604800000"}, ""},
		{"a day of rejects", message.TopicRejectsTransit, map[string]string{"retention.ms": "86400000"}, "topic rejects.transit: retention.ms is 86400000, want -1 or at least 604800000"},
		{"claims compacted", message.TopicRejectsMedical, map[string]string{"cleanup.policy": "compact"}, "topic rejects.medical: cleanup.policy is compact, want delete"},
		{"a registry", message.TopicRegistry, compacted, ""},
		{"a registry that is let go", message.TopicRegistry, map[string]string{"cleanup.policy": "delete"}, "topic registry: cleanup.policy is delete, want compact"},
		{"a hotlist that is let go as well", message.TopicHotlist, map[string]string{"cleanup.policy": "compact,delete"}, "topic hotlist: cleanup.policy is compact,delete, want compact"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := cluster(t, 1)
			configs := map[string]*string{}
			for name, value := range test.settings {
				configs[name] = &value
			}
			if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 2, 1, configs, test.topic); err != nil {
				t.Fatal(err)
			}
			layout := topics.Layout{Partitions: 2}
			err := layout.Ensure(t.Context(), client, topics.All()...)
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var unfit *topics.SettingsError
			if !errors.As(err, &unfit) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%v, want one line with %q", err, test.want)
			}
			if err := layout.Check(t.Context(), client, test.topic); !errors.As(err, &unfit) {
				t.Errorf("while at work: %v, want it refused as well", err)
			}
			correct(t, client, unfit.Command())
			if err := layout.Ensure(t.Context(), client, topics.All()...); err != nil {
				t.Errorf("after the correction: %v", err)
			}
		})
	}
}

// correct does what a command says, where there is no such tool.
func correct(t *testing.T, client *kgo.Client, command string) {
	t.Helper()
	for _, one := range strings.Split(command, " && ") {
		fields := strings.Fields(one)
		if len(fields) != 10 || fields[0] != "kafka-configs.sh" || fields[6] != "--entity-name" || fields[8] != "--add-config" {
			t.Fatalf("the command is %q", one)
		}
		var alter []kadm.AlterConfig
		for _, pair := range strings.Split(fields[9], ",") {
			name, value, _ := strings.Cut(pair, "=")
			alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
		}
		responses, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), alter, fields[7])
		if err == nil {
			err = responses[0].Err
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTooFewReplicas finds a topic with one replica on a cluster of three brokers: it is
// refused at a start, unless that is wished for, and not while at work.
func TestTooFewReplicas(t *testing.T) {
	client := cluster(t, 3)
	configs := map[string]*string{}
	for name, value := range good() {
		configs[name] = &value
	}
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 2, 1, configs, message.TopicTaps); err != nil {
		t.Fatal(err)
	}
	layout := topics.Layout{Partitions: 2}
	var unfit *topics.SettingsError
	if err := layout.Ensure(t.Context(), client, topics.All()...); !errors.As(err, &unfit) || !strings.Contains(err.Error(), "topic taps: replicas is 1, want 3; give") || unfit.Command() != "" {
		t.Errorf("one replica of three: %v", err)
	}
	if err := layout.Check(t.Context(), client, message.InputTopics()...); err != nil {
		t.Errorf("while at work: %v", err)
	}
	if err := (topics.Layout{MinInsync: 2}).Check(t.Context(), client, message.TopicTaps); !errors.As(err, &unfit) {
		t.Errorf("two to acknowledge of one replica: %v", err)
	}
	layout.Replicas = 1
	if err := layout.Ensure(t.Context(), client, topics.All()...); err != nil {
		t.Errorf("one replica, as wished: %v", err)
	}
}

// TestTopicsRealKafka does so on Apache Kafka: a terminal that came first had the broker
// make taps by itself, so it is refused; Kafka's own tool, called as the error says,
// corrects it.
func TestTopicsRealKafka(t *testing.T) {
	kafka := kafkatest.Start(t)
	client := connect(t, kafka.Addr)
	early := connect(t, kafka.Addr, kgo.AllowAutoTopicCreation())
	if err := early.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicTaps, Value: []byte("first")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	layout := topics.Layout{Partitions: 1} // as many as the broker gave to taps
	err := layout.Ensure(t.Context(), client, topics.All()...)
	var unfit *topics.SettingsError
	if !errors.As(err, &unfit) {
		t.Fatalf("taps as the broker makes it by itself: %v, want it refused", err)
	}
	found := map[string]string{}
	for _, f := range unfit.Faults {
		found[f.Topic+" "+f.Setting] = f.Found
	}
	if want := map[string]string{"taps retention.ms": "604800000", "taps message.timestamp.type": "CreateTime", "taps compression.type": "producer"}; !maps.Equal(found, want) {
		t.Errorf("refused for %v, want %v", found, want)
	}
	args := strings.Fields(unfit.Command())
	kafka.Tool("kafka.admin.ConfigCommand", args[1:]...)
	if err := layout.Ensure(t.Context(), client, topics.All()...); err != nil {
		t.Errorf("corrected with %q: %v", unfit.Command(), err)
	}
	wantTopics(t, client, 1, 1, "1")
}
