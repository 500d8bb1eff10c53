package server

import (
	"errors"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/rules"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/service"
)

// TestRulesNotLookedUp judges by rules whose last look is too long ago: taps and loads wait, what
// does not begin within a day does not.
func TestRulesNotLookedUp(t *testing.T) {
	b, _ := bookstest.New(t)
	town := clearingtest.New(t, nil)
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	in := &Inputs{Registry: town.Registry, Rules: rules.Timed(town.Rules.Current(), now, func() time.Time { return now }), tacs: keys.NewTACs(town.Keys.Held())}
	topics, err := Rules(t.Context(), b, in, new(service.Zone).Location())
	if err != nil {
		t.Fatal(err)
	}
	if len(topics) != len(message.InputTopics()) {
		t.Errorf("%d topics have rules, want %d", len(topics), len(message.InputTopics()))
	}
	for _, late := range []bool{false, true} {
		if late {
			now = now.Add(rules.Lead)
		}
		for topic, make := range topics {
			waits := late && (topic == message.TopicTaps || topic == message.TopicLoads)
			_, err := make().Rule(t.Context(), nil, docket.New(docket.Source{Stream: topic + "/0", Day: 20260105}, 0))
			if errors.Is(err, rules.ErrOutdated) != waits || !waits && err != nil {
				t.Errorf("%s, late: %v: %v; want that it waits: %v", topic, late, err, waits)
			}
		}
	}
}
