package intake_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"citycard/clearing/message"
	"citycard/clearing/topics"
)

// TestTopicThatForgets changes settings of an input topic behind the intake's back: it
// does not join again.
func TestTopicThatForgets(t *testing.T) {
	for name, value := range map[string]string{
		"retention.ms": "3600000", "retention.bytes": "1000000", "cleanup.policy": "compact", "message.timestamp.type": "CreateTime", "min.insync.replicas": "2",
		"compression.type": "producer",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.send(tap(h.ride(1)))
			h.clear()
			changed, err := kadm.NewClient(h.client).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, message.TopicLoads)
			h.must(err)
			h.must(changed[0].Err)
			var unfit *topics.SettingsError
			err = h.intake("again").Run(t.Context())
			if !errors.As(err, &unfit) || len(unfit.Faults) != 1 || unfit.Faults[0].Topic != message.TopicLoads || unfit.Faults[0].Setting != name {
				t.Errorf("the intake ended with %v, want a SettingsError about %s of loads", err, name)
			}
		})
	}
}
