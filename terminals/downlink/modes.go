package downlink

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/terminals/modes"
)

// FollowModes keeps the service modes of a terminal up to date with topic modes.
func FollowModes(list *modes.List, w Watch) *WholeFollower {
	return &WholeFollower{Watch: w, topic: message.TopicModes, name: "service modes", content: &listedModes{list: list}}
}

// mostOdd is how many keys of a topic with one record are remembered, whatever is written there.
const mostOdd = 16

// listedModes is topic modes, and the modes of a terminal.
type listedModes struct {
	list  *modes.List
	holds map[string][]byte // the records by their keys, without the publication
	said  []byte            // the publication, nil for none
}

func (c *listedModes) begin() { c.holds, c.said = map[string][]byte{}, nil }

func (c *listedModes) take(r *kgo.Record) {
	switch key := string(r.Key); {
	case key == message.PublicationKey:
		c.said = r.Value
	case len(r.Value) == 0:
		delete(c.holds, key)
	case len(c.holds) < mostOdd || key == message.ModesKey:
		c.holds[key] = r.Value
	}
}

func (c *listedModes) empty() bool { return len(c.holds) == 0 && c.said == nil }

func (c *listedModes) held() bool { return c.list.Version() > 0 }

func (c *listedModes) replace(t *Trust, _ time.Time) (*message.Publication, error) {
	p, err := t.open(message.TopicModes, c.said)
	if err != nil {
		return nil, err
	}
	if int64(len(c.holds)) != p.GetRecords() || !bytes.Equal(message.RecordsHash(c.holds), p.GetHash()) {
		return nil, fmt.Errorf("version %d: %w", p.GetVersion(), errDiffers)
	}
	value, there := c.holds[message.ModesKey]
	if !there || len(c.holds) != 1 {
		return nil, fmt.Errorf("version %d has the records %q, want one, %s", p.GetVersion(), slices.Sorted(maps.Keys(c.holds)), message.ModesKey)
	}
	list, err := modes.Parse(value)
	if err == nil && list.GetVersion() != p.GetVersion() {
		err = fmt.Errorf("it is of version %d", list.GetVersion())
	}
	if err != nil {
		return nil, fmt.Errorf("version %d: %w", p.GetVersion(), err)
	}
	c.list.Replace(list)
	return p, nil
}

func (c *listedModes) unsigned(r *kgo.Record) error {
	if string(r.Key) != message.ModesKey {
		return errors.New("its key is not " + message.ModesKey)
	}
	list, err := modes.Parse(r.Value)
	if err == nil && list.GetVersion() >= c.list.Version() {
		c.list.Replace(list)
	}
	return err
}

func (c *listedModes) save() error { return c.list.Save() }
