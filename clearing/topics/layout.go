package topics

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
)

// Layout says how missing topics are made, and how safe existing ones must be. The zero value suits
// a cluster of any size, except for Partitions.
type Layout struct {
	Partitions int32 // of topics that are made; those that only state current values have one
	Replicas   int   // of each partition; 0: three, or as many as there are brokers where those are fewer
	MinInsync  int   // replicas that acknowledge a record; 0: a majority of those that a topic has
}

// usualReplicas is how many replicas a topic gets by default: one broker may be down for repair
// while another fails.
const usualReplicas = 3

// minInsync is how many replicas of a topic must have a record before it is acknowledged:
// as many as asked for, or a majority, so that what was acknowledged is still there when
// a broker is gone. Of one replica that is one, of three it is two.
func (l Layout) minInsync(replicas int) int {
	if l.MinInsync > 0 {
		return l.MinInsync
	}
	return replicas/2 + 1
}

// replicas is how many replicas a topic should have on a cluster.
func (l Layout) replicas(brokers int) int {
	n := min(usualReplicas, brokers)
	if l.Replicas > 0 {
		n = l.Replicas
	}
	return max(n, l.MinInsync, 1)
}

// All are the topics that are there from the beginning.
func All() []string {
	return slices.Concat(message.InputTopics(), message.OutputTopics(), message.StateTopics())
}

// Ensure makes those of the topics that are missing and refuses those that are there and
// do not fit, with a SettingsError.
func (l Layout) Ensure(ctx context.Context, client *kgo.Client, topics ...string) error {
	replicas, err := l.make(ctx, client, topics)
	if err != nil {
		return err
	}
	return l.check(ctx, client, replicas, topics)
}

// EnsureWorking is Ensure for a program that is running. It does not check the number of replicas
// of a topic, so that a broker that joins the cluster does not stop the program.
func (l Layout) EnsureWorking(ctx context.Context, client *kgo.Client, topics ...string) error {
	if _, err := l.make(ctx, client, topics); err != nil {
		return err
	}
	return l.Check(ctx, client, topics...)
}

// make makes topics that are missing, and says how many replicas each should have.
func (l Layout) make(ctx context.Context, client *kgo.Client, topics []string) (replicas int, err error) {
	if l.Replicas > 0 && l.MinInsync > l.Replicas {
		return 0, fmt.Errorf("kafka: %d replicas cannot acknowledge a record where there are %d", l.MinInsync, l.Replicas)
	}
	ctx = uncached(ctx)
	admin := kadm.NewClient(client)
	cluster, err := admin.Metadata(ctx, topics...)
	if err != nil {
		return 0, fmt.Errorf("kafka: brokers and topics: %w", err)
	}
	replicas = l.replicas(len(cluster.Brokers))
	missing := map[kind][]string{}
	for _, topic := range topics {
		if errors.Is(cluster.Topics[topic].Err, kerr.UnknownTopicOrPartition) {
			missing[kindOf(topic)] = append(missing[kindOf(topic)], topic)
		}
	}
	for kind, topics := range missing {
		if err := l.create(ctx, admin, kind, topics, replicas); err != nil {
			return 0, err
		}
	}
	if len(missing) == 0 {
		return replicas, nil
	}
	return replicas, known(ctx, admin, topics)
}

// uncached makes the client ask the cluster which topics there are. A client caches the answer for
// seconds, unless it also asks for the authorised operations.
func uncached(ctx context.Context) context.Context { return kadm.WithAuthorizedOps(ctx) }

// create makes topics of a kind. Another process may have made them a moment before.
func (l Layout) create(ctx context.Context, admin *kadm.Client, k kind, topics []string, replicas int) error {
	partitions := l.Partitions
	if k == state || k == stated {
		partitions = 1
	}
	configs := map[string]*string{}
	for _, s := range append(k.settings(), insync(l.minInsync(replicas), replicas)) {
		if s.made != "" {
			configs[s.name] = &s.made
		}
	}
	responses, err := admin.CreateTopics(ctx, partitions, int16(replicas), configs, topics...)
	if err != nil {
		return fmt.Errorf("kafka: create topics: %w", err)
	}
	for _, r := range responses.Sorted() {
		if r.Err != nil && !errors.Is(r.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("kafka: create topic %s of %d partitions with %d replicas: %w %s", r.Topic, partitions, replicas, r.Err, r.ErrMessage)
		}
	}
	return nil
}

// How long a broker may take to hear of a topic that was made, and how often it is asked.
const (
	knownLimit = 10 * time.Second
	knownEvery = 50 * time.Millisecond
)

// known waits until the topics can be looked at: a broker learns of a new one a moment
// after it was made.
func known(ctx context.Context, admin *kadm.Client, topics []string) error {
	ctx, cancel := context.WithTimeout(ctx, knownLimit)
	defer cancel()
	for {
		details, err := admin.ListTopics(ctx, topics...)
		if err == nil {
			if err = details.Error(); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("kafka: topics that were made do not appear: %w", err)
		case <-time.After(knownEvery):
		}
	}
}

// Check refuses topics that would lose or change what they are given, with a
// SettingsError, whatever their number of replicas.
func (l Layout) Check(ctx context.Context, client *kgo.Client, topics ...string) error {
	return l.check(ctx, client, max(l.MinInsync, 1), topics)
}

func (l Layout) check(ctx context.Context, client *kgo.Client, replicas int, topics []string) error {
	ctx = uncached(ctx)
	admin := kadm.NewClient(client)
	details, err := admin.ListTopics(ctx, topics...)
	if err != nil {
		return fmt.Errorf("kafka: list topics: %w", err)
	}
	configs, err := admin.DescribeTopicConfigs(ctx, topics...)
	if err != nil {
		return fmt.Errorf("kafka: settings of topics: %w", err)
	}
	var faults []Fault
	for _, topic := range topics {
		if err := details[topic].Err; err != nil {
			return fmt.Errorf("kafka: topic %s: %w", topic, err)
		}
		config, err := configs.On(topic, func(c *kadm.ResourceConfig) error { return c.Err })
		if err != nil {
			return fmt.Errorf("kafka: settings of topic %s: %w", topic, err)
		}
		faults = append(faults, l.faults(topic, fewest(details[topic].Partitions), replicas, config.Configs)...)
	}
	if len(faults) > 0 {
		seeds, _ := client.OptValue(kgo.SeedBrokers).([]string)
		return &SettingsError{Faults: faults, seeds: seeds}
	}
	return nil
}

// fewest is the number of replicas of the partition that has the fewest.
func fewest(partitions kadm.PartitionDetails) int {
	least := 0
	for _, p := range partitions {
		if n := len(p.Replicas); least == 0 || n < least {
			least = n
		}
	}
	return least
}

// faults returns the wrong settings of a topic that has the given number of replicas.
func (l Layout) faults(topic string, has, replicas int, configs []kadm.Config) (faults []Fault) {
	stated := map[string]string{}
	for _, c := range configs {
		stated[c.Key] = c.MaybeValue()
	}
	settings := kindOf(topic).settings()
	if has < replicas {
		faults = append(faults, Fault{Topic: topic, Setting: replicasSetting, Found: strconv.Itoa(has), Want: strconv.Itoa(replicas)})
	}
	if want := l.minInsync(has); want <= has {
		settings = append(settings, insync(want, has))
	}
	for _, s := range settings {
		if found, ok := stated[s.name]; (ok || !s.optional) && !s.fits(found) {
			faults = append(faults, Fault{Topic: topic, Setting: s.name, Found: found, Want: s.want, Value: s.corrected()})
		}
	}
	return faults
}
