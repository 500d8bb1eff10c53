package downlink

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/hotlist"
)

// maxListed is how many cards a terminal takes, whatever is published: its memory ends.
const maxListed = 2_000_000

// slack is how many times as far as its bounds a hotlist may be from the one that a terminal has,
// for each version that lies between the two. Cards whose time ends while the list travels, and
// publications that the terminal has missed, are no fault. No more than mostMissed versions count:
// their number is the registry's, and most of them leave the hotlist alone.
const (
	slack      = 2
	mostMissed = 8
)

// errDiffers says that a topic does not hold what was signed of it; while records are under way it
// is so for a moment.
var errDiffers = errors.New("its content is not what was signed")

// listing is the hotlist as topic hotlist has it, until it is known whether it is what was signed.
type listing struct {
	cards map[keys.Digits]*message.HotlistEntry
	odd   map[string]error // what is no entry, by the key of its record
	said  []byte           // the publication, nil for none
}

func newListing() *listing {
	return &listing{cards: map[keys.Digits]*message.HotlistEntry{}, odd: map[string]error{}}
}

// take takes one record of content, or the publication.
func (l *listing) take(r *kgo.Record) {
	if string(r.Key) == message.PublicationKey {
		l.said = r.Value
		return
	}
	if len(r.Value) == 0 { // the record before is withdrawn, whatever it was
		delete(l.odd, string(r.Key))
		if len(r.Key) == len(keys.Digits{}) {
			delete(l.cards, keys.Digits(r.Key))
		}
		return
	}
	entry := new(message.HotlistEntry)
	err := proto.Unmarshal(r.Value, entry)
	if err == nil {
		err = hotlist.Check(entry)
	}
	if err == nil && !bytes.Equal(entry.GetCard(), r.Key) {
		err = errors.New("its key is not its card")
	}
	if err == nil && len(l.cards) >= maxListed {
		err = fmt.Errorf("the list has more than %d cards", maxListed)
	}
	if err != nil {
		l.odd[string(r.Key)] = fmt.Errorf("the record at offset %d: %w", r.Offset, err)
		return
	}
	delete(l.odd, string(r.Key))
	l.cards[keys.Digits(r.Key)] = entry
}

// judge says whether the listing may take the place of a list: nil if it is what was signed, no
// older than what was taken before, and within the bounds.
func (l *listing) judge(t *Trust, known *hotlist.List, at time.Time) (*message.Publication, error) {
	p, err := t.open(message.TopicHotlist, l.said)
	if err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(l.odd)) {
		return nil, l.odd[key]
	}
	if int64(len(l.cards)) != p.GetRecords() || !bytes.Equal(l.hash(), p.GetHash()) {
		return nil, fmt.Errorf("version %d: %w", p.GetVersion(), errDiffers)
	}
	named, added, gone := known.Compare(l.cards, at)
	since := t.Version(message.TopicHotlist)
	if since == 0 {
		since = known.Version()
	}
	before, versions := named-added+gone, min(max(1, p.GetVersion()-since), mostMissed)
	within := func(n int64, percent uint32) bool {
		return n <= slack*versions*max(int64(p.GetFew()), before*int64(percent)/100)
	}
	switch {
	case p.GetDecided():
	case p.GetMost() > 0 && named > slack*p.GetMost():
		return nil, fmt.Errorf("version %d names %d cards, more than its bounds allow", p.GetVersion(), named)
	case known.Version() == 0:
	case !within(added, p.GetGrowPercent()):
		return nil, fmt.Errorf("version %d names %d cards that the list of version %d did not name, more than its bounds allow", p.GetVersion(), added, since)
	case !within(gone, p.GetShrinkPercent()):
		return nil, fmt.Errorf("version %d does not name %d cards that the list of version %d named, more than its bounds allow", p.GetVersion(), gone, since)
	}
	return p, nil
}

// hash is the hash over the cards in their order.
func (l *listing) hash() []byte {
	sum := message.NewHotlistHash()
	order := slices.SortedFunc(maps.Keys(l.cards), func(a, b keys.Digits) int { return bytes.Compare(a[:], b[:]) })
	for _, card := range order {
		sum.Add(l.cards[card])
	}
	return sum.Sum()
}
