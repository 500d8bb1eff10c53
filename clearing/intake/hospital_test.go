package intake_test

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
)

// oddID has every sign that an identifier may have.
const oddID = "Az_09-ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// withHospitals has more hospitals.
func withHospitals(ids ...string) func(files map[string]string) {
	return func(files map[string]string) {
		for _, id := range ids {
			files["hospitals.csv"] += id + ",院," + id + ",3,20200101,\n"
		}
	}
}

// claimAt is a claim of a hospital.
func claimAt(hospital, settlement, person string) *message.MedicalClaim {
	m := claim(settlement, person)
	m.Hospital = hospital
	return m
}

// answered are the answers in a hospital's topic, by settlement.
func (h *house) answered(hospital string) map[string]string {
	h.Helper()
	answers := map[string]string{}
	messages, _ := h.published(message.MedicalResultsOf(hospital))
	for _, r := range messages {
		var m message.MedicalResult
		h.must(proto.Unmarshal(r.Value, &m))
		if m.GetHospital() != hospital {
			h.Errorf("hospital %s is told what is for %s", hospital, m.GetHospital())
		}
		answers[m.GetSettlement()] = m.GetRefusal()
	}
	return answers
}

// topics are the names of all topics that begin with a prefix.
func (h *house) topics(prefix string) []string {
	h.Helper()
	details, err := kadm.NewClient(h.client).ListTopics(kadm.WithAuthorizedOps(h.Context()))
	h.must(err)
	names := details.Names()
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// TestEachHospitalItsOwn answers the claims of three hospitals, each in a topic of its own,
// with the settings that keep what is in it. A claim in the name of a hospital that the
// registry does not know is kept and answered nowhere; rejects are apart by what they are.
func TestEachHospitalItsOwn(t *testing.T) {
	h := newHouseWith(t, withHospitals("h2", oddID))
	nobody := claimAt("nobody", "n1", clearingtest.Worker)
	h.send(request(claimAt("h1", "s1", clearingtest.Worker)), request(claimAt("h2", "s2", clearingtest.Retired)),
		request(claimAt(oddID, "s3", clearingtest.Retired)), request(claimAt("h2", "s4", "000000000000000000000000000000ff")),
		request(nobody), request(claimAt("../h1", "n2", clearingtest.Worker)))
	h.send(h.bad(0, 2)...)
	h.send(sent{message.TopicLoads, 0, []byte{0xFF}}, sent{message.TopicPensionBatches, 0, []byte{0xFF}}, sent{message.TopicPensionResults, 0, []byte{0xFF, 1}})
	stop := h.start("test")
	h.cleared()
	h.untilSent()
	h.must(stop())
	for hospital, want := range map[string]map[string]string{"h1": {"s1": ""}, "h2": {"s2": "", "s4": "unknown_person"}, oddID: {"s3": ""}} {
		if got := h.answered(hospital); !maps.Equal(got, want) {
			t.Errorf("hospital %s is told %v, want %v", hospital, got, want)
		}
	}
	want := []string{"medical.results." + oddID, "medical.results.h1", "medical.results.h2"}
	if got := h.topics("medical.results"); !slices.Equal(got, want) {
		t.Errorf("the topics for answers are %v, want %v", got, want)
	}
	configs, err := kadm.NewClient(h.client).DescribeTopicConfigs(t.Context(), want...)
	h.must(err)
	for _, topic := range configs {
		for _, c := range topic.Configs {
			if c.Key == "retention.ms" && c.MaybeValue() != "-1" {
				t.Errorf("%s keeps answers for %s ms", topic.Name, c.MaybeValue())
			}
		}
	}
	for topic, streams := range map[string]map[string]int{
		"rejects.transit": {"taps/0": 2},
		"rejects.loads":   {"loads/0": 1},
		"rejects.medical": {"medical.requests/0": 3},
		"rejects.pension": {"pension.batches/0": 1, "pension.results/0": 1},
	} {
		got := map[string]int{}
		messages, _ := h.published(topic)
		for _, r := range messages {
			var m message.Reject
			h.must(proto.Unmarshal(r.Value, &m))
			got[m.GetStream()]++
		}
		if !maps.Equal(got, streams) {
			t.Errorf("%s has rejects of %v, want %v", topic, got, streams)
		}
	}
}

// TestHospitalIsNamed names a hospital while an intake is at work: its topic is there
// before it has sent a claim.
func TestHospitalIsNamed(t *testing.T) {
	h := newHouse(t)
	store := registry.NewStore(h.ledger.Pool())
	h.change(registryFiles())
	edition, err := store.Load(t.Context())
	h.must(err)
	h.town.Registry = registry.New(edition)
	stop := h.start("test")
	h.until("a topic for h1", func() bool { return slices.Equal(h.topics("medical.results"), []string{"medical.results.h1"}) })
	h.change(map[string]string{"hospitals.csv": "id,name,name_en,class,effective_from,effective_to\nh2,二院,Second,3,20260201,\n"})
	h.must(h.town.Registry.Update(t.Context(), store, func(context.Context, *index.Edition) error { return nil }))
	h.send(tap(h.ride(1)))
	h.until("a topic for h2", func() bool {
		return slices.Equal(h.topics("medical.results"), []string{"medical.results.h1", "medical.results.h2"})
	})
	h.must(stop())
}

// TestTopicAway deletes a hospital's topic and has the broker make it no more: its answers
// wait, those of others do not, and once the broker may make it they are there.
func TestTopicAway(t *testing.T) {
	c := newCluster(t, filepath.Join(t.TempDir(), "kafka"), 0)
	h := furnish(t, c.ListenAddrs()[0], withHospitals("h2"))
	stop := h.start("test")
	h.until("topics", func() bool { return len(h.topics("medical.results")) == 2 })
	fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.CreateTopics}, Topic: "medical.results.h2", Err: kerr.TopicAuthorizationFailed, Count: -1})
	_, err := kadm.NewClient(h.client).DeleteTopic(t.Context(), "medical.results.h2")
	h.must(err)
	h.send(request(claimAt("h2", "s2", clearingtest.Retired)), request(claimAt("h1", "s1", clearingtest.Worker)), request(claimAt("h2", "s3", clearingtest.Retired)))
	h.cleared()
	h.hit(fault, 1)
	h.until("only answers to h2 wait", func() bool { return h.waiting() == 2 })
	if got := h.answered("h1"); len(got) != 1 {
		t.Errorf("h1 is told %v, want one answer", got)
	}
	fault.Remove()
	h.untilSent()
	h.must(stop())
	if got, want := h.answered("h2"), map[string]string{"s2": "", "s3": ""}; !maps.Equal(got, want) {
		t.Errorf("h2 is told %v, want %v", got, want)
	}
}
