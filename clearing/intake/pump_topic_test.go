package intake_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
)

// TestOneTopicHoldsUpNoOther has the broker refuse two topics, each with more answers than the
// pump reads at once: what is for a third is sent, also when it came last and over a restart.
// Nothing of the two is passed over: once the broker takes them, all is sent in order.
func TestOneTopicHoldsUpNoOther(t *testing.T) {
	c := newCluster(t, filepath.Join(t.TempDir(), "kafka"), 0)
	h := furnish(t, c.ListenAddrs()[0], withHospitals("h2", "h3"))
	const each = 120
	fault := refuses(c, message.MedicalResultsOf("h1"), kerr.TopicAuthorizationFailed)
	second := refuses(c, message.MedicalResultsOf("h2"), kerr.TopicAuthorizationFailed)
	ask := func(hospital string, from, n int) {
		for i := range n {
			h.send(request(claimAt(hospital, fmt.Sprintf("%s-%d", hospital, from+i), clearingtest.Worker)))
		}
	}
	ask("h1", 0, each)
	ask("h2", 0, each)
	stop := h.start("first")
	h.cleared()
	h.hit(fault, 1)
	ask("h3", 0, 3)
	h.cleared()
	h.until("what is for the third hospital sent", func() bool { return h.waiting() == 2*each })
	ask("h3", 3, 60)
	h.cleared()
	h.until("what came later sent", func() bool { return h.waiting() == 2*each })
	h.must(stop())
	stop = h.start("second")
	ask("h3", 63, 1)
	h.cleared()
	h.until("what came after the restart sent", func() bool { return h.waiting() == 2*each })
	if got := h.answered("h3"); len(got) != 64 {
		t.Errorf("the third hospital has %d answers, want 64", len(got))
	}
	second.Remove()
	h.until("what is for the second hospital sent", func() bool { return h.waiting() == each })
	fault.Remove()
	h.untilSent()
	h.must(stop())
	for _, hospital := range []string{"h1", "h2"} {
		if got := h.answered(hospital); len(got) != each {
			t.Errorf("hospital %s has %d answers, want %d", hospital, len(got), each)
		}
	}
	h.verify()
}
