package downlink

import (
	"fmt"
	"maps"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/hotlist"
)

// FollowHotlist keeps the hotlist of a terminal up to date with topic hotlist.
func FollowHotlist(list *hotlist.List, w Watch) *WholeFollower {
	return &WholeFollower{Watch: w, topic: message.TopicHotlist, name: "hotlist", content: &listedCards{listing: newListing(), list: list}}
}

// listedCards is topic hotlist, and the list of a terminal.
type listedCards struct {
	*listing
	list *hotlist.List
}

func (c *listedCards) begin() { c.listing = newListing() }

func (c *listedCards) empty() bool { return len(c.cards) == 0 && len(c.odd) == 0 && c.said == nil }

func (c *listedCards) held() bool { return c.list.Cards() > 0 }

func (c *listedCards) replace(t *Trust, at time.Time) (*message.Publication, error) {
	p, err := c.judge(t, c.list, at)
	if err == nil {
		c.list.Replace(p.GetVersion(), maps.Clone(c.cards))
	}
	return p, err
}

func (c *listedCards) unsigned(r *kgo.Record) error {
	entry := new(message.HotlistEntry)
	if err := proto.Unmarshal(r.Value, entry); err != nil {
		return fmt.Errorf("it is no entry: %w", err)
	}
	return c.list.Apply(entry)
}

func (c *listedCards) save() error { return c.list.Save() }
