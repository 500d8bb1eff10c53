package topics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"citycard/clearing/message"
)

// kind is what a topic is for.
type kind int

const (
	input  kind = iota // clearing's input: all of it, with the broker's own time
	output             // clearing's results, in the order of their commits
	state              // the last word on each key, for ever
	stated             // likewise, with the broker's own time
)

func kindOf(topic string) kind {
	switch {
	case slices.Contains(message.InputTopics(), topic):
		return input
	case topic == message.TopicAcks:
		return stated
	case slices.Contains(message.StateTopics(), topic):
		return state
	}
	return output
}

// setting is one setting of a topic.
type setting struct {
	name     string
	made     string // what a topic is made with; empty: the broker's default
	optional bool   // a broker that does not know it is right
	want     string // in words
	fits     func(value string) bool
}

// corrected is the value that puts it right.
func (s *setting) corrected() string {
	if s.made != "" {
		return s.made
	}
	return s.want
}

func exactly(name, value string) setting {
	return setting{name: name, made: value, want: value, fits: func(found string) bool { return found == value }}
}

// leastRetention is how long clearing's results must at least stay in their topics. They are in the
// books as well, so a city may delete them after a while.
const leastRetention = 7 * 24 * time.Hour

// settings are the settings that keep records from being lost.
func (k kind) settings() []setting {
	// A replica that missed records must never become the leader.
	clean := setting{name: "unclean.leader.election.enable", optional: true, want: "false", fits: func(found string) bool { return found == "false" }}
	forever, anySize := exactly("retention.ms", "-1"), exactly("retention.bytes", "-1")
	appendTime := exactly("message.timestamp.type", "LogAppendTime")
	switch k {
	case state:
		return []setting{exactly("cleanup.policy", "compact"), clean}
	case stated:
		return []setting{exactly("cleanup.policy", "compact"), appendTime, clean}
	case output:
		forever.want = fmt.Sprintf("-1 or at least %d", leastRetention.Milliseconds())
		forever.fits = func(found string) bool {
			ms, err := strconv.ParseInt(found, 10, 64)
			return err == nil && (ms == -1 || ms >= leastRetention.Milliseconds())
		}
		// The time is the pump's or the broker's: nothing is decided by it.
		appendTime.fits = func(string) bool { return true }
		return []setting{forever, anySize, exactly("cleanup.policy", "delete"), appendTime, clean}
	}
	// With this setting the broker itself unpacks compressed batches and limits their size.
	// Otherwise a batch within message.max.bytes may unpack to more than a reader has memory for.
	return []setting{forever, anySize, exactly("cleanup.policy", "delete"), appendTime, clean, exactly("compression.type", "uncompressed")}
}

// insync is how many replicas must acknowledge a record: at least the number wanted, but not more
// than there are, since then nothing could be written.
func insync(want, replicas int) setting {
	value := strconv.Itoa(want)
	return setting{
		name: "min.insync.replicas", made: value, want: fmt.Sprintf("at least %d of its %d replicas", want, replicas),
		fits: func(found string) bool {
			n, err := strconv.Atoi(found)
			return err == nil && n >= want && n <= replicas
		},
	}
}

// replicasSetting is the name used in a Fault for the number of replicas, which is not a setting.
const replicasSetting = "replicas"

// Fault is one wrong setting of a topic.
type Fault struct {
	Topic   string
	Setting string
	Found   string
	Want    string // in words
	Value   string // that corrects it; empty where it is no setting
}

// SettingsError says which topics would lose or change what they are given, and how
// that is corrected.
type SettingsError struct {
	Faults []Fault
	seeds  []string
}

func (e *SettingsError) Error() string {
	var b strings.Builder
	topic, few := "", false
	for _, f := range e.Faults {
		switch {
		case topic == "":
			fmt.Fprintf(&b, "topic %s: ", f.Topic)
		case topic != f.Topic:
			fmt.Fprintf(&b, "; topic %s: ", f.Topic)
		default:
			b.WriteString(", ")
		}
		topic = f.Topic
		few = few || f.Setting == replicasSetting
		found := f.Found
		if found == "" {
			found = "not stated"
		}
		fmt.Fprintf(&b, "%s is %s, want %s", f.Setting, found, f.Want)
	}
	if command := e.Command(); command != "" {
		b.WriteString("; correct it with: " + command)
	}
	if few {
		b.WriteString("; give a topic more replicas with kafka-reassign-partitions.sh, or say with --kafka-replicas that fewer are enough")
	}
	return b.String()
}

// Command is what corrects the settings, for a shell: Kafka's own tool, once a topic.
func (e *SettingsError) Command() string {
	var topics []string
	values := map[string][]string{}
	for _, f := range e.Faults {
		if f.Value == "" {
			continue
		}
		if values[f.Topic] == nil {
			topics = append(topics, f.Topic)
		}
		values[f.Topic] = append(values[f.Topic], f.Setting+"="+f.Value)
	}
	commands := make([]string, len(topics))
	for i, topic := range topics {
		commands[i] = fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config %s",
			strings.Join(e.seeds, ","), topic, strings.Join(values[topic], ","))
	}
	return strings.Join(commands, " && ")
}
