package downlink

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/terminals/hotlist"
)

// signer is a key of a number.
func signer(n byte) *message.Signer {
	return &message.Signer{Key: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))}
}

// noon is in the time of the rows below.
var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// entries lists cards of a range of numbers.
func entries(version int64, from, to int) (list []*message.HotlistEntry) {
	for n := from; n < to; n++ {
		card := keys.Digits{0x50, 0x70, 6: byte(n >> 8), 7: byte(n)}
		list = append(list, &message.HotlistEntry{Version: version, Card: card[:], Rows: []*message.HotlistRow{{From: "20260105115959", Reason: "lost"}}})
	}
	return list
}

// sent are the records of a topic that has entries, signed; edit may change what is signed.
func sent(t *testing.T, by *message.Signer, version int64, list []*message.HotlistEntry, edit func(*message.Publication)) []*kgo.Record {
	t.Helper()
	sum := message.NewHotlistHash()
	var records []*kgo.Record
	for _, e := range slices.SortedFunc(slices.Values(list), func(a, b *message.HotlistEntry) int { return bytes.Compare(a.Card, b.Card) }) {
		sum.Add(e)
		value, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Key: e.Card, Value: value, Offset: int64(len(records))})
	}
	return stated(t, by, records, edit, &message.Publication{
		Topic: message.TopicHotlist, Version: version, Records: int64(len(list)), Hash: sum.Sum(), Most: 60,
		Few: 3, GrowPercent: 10, ShrinkPercent: 10,
	})
}

// stated are the records of a topic, and behind them what is signed of it.
func stated(t *testing.T, by *message.Signer, records []*kgo.Record, edit func(*message.Publication), p *message.Publication) []*kgo.Record {
	t.Helper()
	if edit != nil {
		edit(p)
	}
	statements, err := by.Statements(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		records = append(records, &kgo.Record{Key: s.Key, Value: s.Value})
	}
	return records
}

// lane is a terminal that follows a topic and has taken a version of it.
type lane struct {
	*testing.T
	*WholeFollower
	said []string
	has  func() string // what it has taken
}

// follows is a lane with a follower of what is kept in a directory; it has taken a topic.
func follows(t *testing.T, follow func(dir string, w Watch) (*WholeFollower, func() string), topic []*kgo.Record) *lane {
	t.Helper()
	dir := t.TempDir()
	trust, err := OpenTrust(filepath.Join(dir, "publisher"), message.PublicOf(signer(1).Key))
	if err != nil {
		t.Fatal(err)
	}
	l := &lane{T: t}
	l.WholeFollower, l.has = follow(dir, Watch{
		Trust: trust, Now: func() time.Time { return noon }, Read: func() {},
		Refused: func(why error) { l.said = append(l.said, why.Error()) }, Unsaved: func(why error) { t.Error(why) },
	})
	if !l.reads(topic) {
		t.Fatalf("the lane has %s: %q", l.has(), l.said)
	}
	return l
}

// hotLane is a lane that has taken the hotlist of version 2, with 100 cards.
type hotLane struct {
	*lane
	List *hotlist.List
}

func newLane(t *testing.T) *hotLane {
	t.Helper()
	h := &hotLane{}
	h.lane = follows(t, func(dir string, w Watch) (*WholeFollower, func() string) {
		var err error
		if h.List, err = hotlist.Open(filepath.Join(dir, "hotlist")); err != nil {
			t.Fatal(err)
		}
		return FollowHotlist(h.List, w), func() string { return fmt.Sprintf("%d cards of version %d", h.List.Cards(), h.List.Version()) }
	}, sent(t, signer(1), 2, entries(2, 0, 100), nil))
	return h
}

// reads reads a topic from its start to its end, twice as nothing comes, and reports whether it was
// taken.
func (l *lane) reads(records []*kgo.Record) bool {
	l.begin()
	for _, r := range records {
		l.take(r)
	}
	return l.settle(true, false) || l.settle(false, true) || l.settle(false, true)
}

// changed is a topic with one record that is another one.
func changed(t *testing.T, at int, edit func(e *message.HotlistEntry)) []*kgo.Record {
	t.Helper()
	records := sent(t, signer(1), 3, entries(3, 0, 100), nil)
	e := new(message.HotlistEntry)
	if err := proto.Unmarshal(records[at].Value, e); err != nil {
		t.Fatal(err)
	}
	edit(e)
	value, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	records[at] = &kgo.Record{Key: records[at].Key, Value: value}
	return records
}

// corrupted is a topic that no lane takes, and what it says why.
type corrupted struct {
	topic []*kgo.Record
	why   string
}

// refuses gives lanes topics that are corrupted. They take none of them, keep what they have, say
// once why, and take the next good one.
func refuses(t *testing.T, fresh func(*testing.T) *lane, good []*kgo.Record, topics map[string]corrupted) {
	t.Helper()
	for name, test := range topics {
		l := fresh(t)
		before := l.has()
		took := l.reads(test.topic)
		took = l.reads(test.topic) || took // and it says so once
		if took || l.has() != before {
			t.Errorf("%s: the lane has %s, want %s", name, l.has(), before)
		}
		if len(l.said) != 1 || !strings.Contains(l.said[0], test.why) {
			t.Errorf("%s: it says %q, want once why: %s", name, l.said, test.why)
		}
		if !l.reads(good) || l.has() == before {
			t.Errorf("%s: the next good one is not taken: %q", name, l.said)
		}
	}
}

// corruptStatements are topics whose signed record is corrupted, whatever they hold; publish makes
// the records of a version, of which edit may change what is signed.
func corruptStatements(t *testing.T, publish func(by *message.Signer, version int64, edit func(*message.Publication)) []*kgo.Record) map[string]corrupted {
	t.Helper()
	last := func(edit func(value []byte) []byte) []*kgo.Record {
		records := publish(signer(1), 3, nil)
		end := len(records) - 1
		records[end] = &kgo.Record{Key: records[end].Key, Value: edit(bytes.Clone(records[end].Value))}
		return records
	}
	unsigned := publish(signer(1), 3, nil)
	return map[string]corrupted{
		"not signed":              {unsigned[:len(unsigned)-1], "not signed"},
		"signed by somebody else": {publish(signer(2), 3, nil), "not signed"},
		"a bit of the signature":  {last(func(v []byte) []byte { v[len(v)-1] ^= 1; return v }), "not signed"},
		"a bit of what is signed": {last(func(v []byte) []byte { v[5] ^= 1; return v }), "not signed"},
		"a signature cut short":   {last(func(v []byte) []byte { return v[:len(v)-7] }), "not signed"},
		"of another topic":        {publish(signer(1), 3, func(p *message.Publication) { p.Topic = message.TopicFares }), "something else"},
		"an older version":        {publish(signer(1), 1, nil), "version 2 was taken before"},
		"another number of keys":  {publish(signer(1), 3, func(p *message.Publication) { p.Records++ }), "not what was signed"},
		"another hash":            {publish(signer(1), 3, func(p *message.Publication) { p.Hash[0] ^= 1 }), "not what was signed"},
	}
}

// TestCorruptedHotlist gives a lane a hotlist that is corrupted in many ways.
func TestCorruptedHotlist(t *testing.T) {
	good := func() []*kgo.Record { return sent(t, signer(1), 3, entries(3, 0, 100), nil) }
	signed := func(version int64, list []*message.HotlistEntry, edit func(*message.Publication)) []*kgo.Record {
		return sent(t, signer(1), version, list, edit)
	}
	topics := corruptStatements(t, func(by *message.Signer, version int64, edit func(*message.Publication)) []*kgo.Record {
		return sent(t, by, version, entries(version, 0, 100), edit)
	})
	maps.Copy(topics, map[string]corrupted{
		"a card is missing":       {good()[1:], "not what was signed"},
		"a card is too much":      {append(signed(3, entries(3, 0, 101), nil)[:101], good()[100:]...), "not what was signed"},
		"half of an older list":   {append(sent(t, signer(1), 1, entries(1, 200, 250), nil)[:50], good()[50:]...), "not what was signed"},
		"another card":            {changed(t, 7, func(e *message.HotlistEntry) { e.Card[3] ^= 1 }), "its key is not its card"},
		"a card of seven bytes":   {changed(t, 7, func(e *message.HotlistEntry) { e.Card = e.Card[:7] }), "in 7 bytes"},
		"another beginning":       {changed(t, 7, func(e *message.HotlistEntry) { e.Rows[0].From = "20270105115959" }), "not what was signed"},
		"an end":                  {changed(t, 7, func(e *message.HotlistEntry) { e.Rows[0].To = "20260105115959" }), "not what was signed"},
		"another reason":          {changed(t, 7, func(e *message.HotlistEntry) { e.Rows[0].Reason = "stolen" }), "not what was signed"},
		"no rows":                 {changed(t, 7, func(e *message.HotlistEntry) { e.Rows = nil }), "not what was signed"},
		"a row twice":             {changed(t, 7, func(e *message.HotlistEntry) { e.Rows = append(e.Rows, e.Rows[0]) }), "not what was signed"},
		"no time":                 {changed(t, 7, func(e *message.HotlistEntry) { e.Rows[0].From = "soon" }), "want YYYYMMDDhhmmss"},
		"no entry":                {append(good(), &kgo.Record{Key: good()[7].Key, Value: []byte{0xFF}}), "the record at offset"},
		"two that change places":  {append(good(), &kgo.Record{Key: good()[7].Key, Value: good()[8].Value}), "its key is not its card"},
		"emptied, and signed":     {signed(3, nil, nil), "does not name 100 cards"},
		"shrunk, and signed":      {signed(3, entries(3, 0, 79), nil), "does not name 21 cards"},
		"grown, and signed":       {signed(3, entries(3, 0, 121), func(p *message.Publication) { p.Most = 100 }), "names 21 cards"},
		"too large, and signed":   {signed(9, entries(9, 0, 121), nil), "more than its bounds allow"},
		"far too large, later":    {signed(1002, entries(1002, 0, 300), func(p *message.Publication) { p.Most = 1000 }), "names 200 cards"},
		"other cards, and signed": {signed(3, entries(3, 100, 200), nil), "more than its bounds allow"},
	})
	refuses(t, func(t *testing.T) *lane { return newLane(t).lane }, signed(4, entries(4, 0, 105), nil), topics)
}

// TestBoundsOfAnotherKey: a terminal that remembers no publication, as its file is a new one, holds
// the next list against the version of the list that it has.
func TestBoundsOfAnotherKey(t *testing.T) {
	l := newLane(t)
	trust, err := OpenTrust(filepath.Join(t.TempDir(), "publisher"), message.PublicOf(signer(1).Key))
	if err != nil {
		t.Fatal(err)
	}
	l.Trust = trust
	if l.reads(sent(t, signer(1), 3, entries(3, 0, 130), func(p *message.Publication) { p.Most = 1000 })) {
		t.Error("a list with 30 new cards is taken one version later")
	}
}

// TestWithinSlack: what a lane takes although it has changed much: two people decided it, the lane
// has missed versions, or it is new.
func TestWithinSlack(t *testing.T) {
	for name, topic := range map[string][]*kgo.Record{
		"changed by twice the bound": sent(t, signer(1), 3, entries(3, 0, 120), nil),
		"three versions later":       sent(t, signer(1), 5, entries(5, 0, 40), nil),
		"decided by two people":      sent(t, signer(1), 3, entries(3, 0, 500), func(p *message.Publication) { p.Decided, p.Most = true, 0 }),
		"the same again":             sent(t, signer(1), 2, entries(2, 0, 100), nil),
	} {
		if l := newLane(t); !l.reads(topic) || len(l.said) > 0 {
			t.Errorf("%s: not taken: %q", name, l.said)
		}
	}
}

// TestSuccessors follows keys that came one after another, of which a lane was given the first; it
// remembers the last one, and takes no other key's.
func TestSuccessors(t *testing.T) {
	first := signer(1)
	second, err := first.Succeed(signer(2).Key)
	if err != nil {
		t.Fatal(err)
	}
	third, err := second.Succeed(signer(3).Key)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := signer(8).Succeed(signer(9).Key)
	if err != nil {
		t.Fatal(err)
	}
	forged.Successors[0].Key = second.Successors[0].Key
	l := newLane(t)
	if l.reads(sent(t, forged, 3, entries(3, 0, 100), nil)) {
		t.Error("a key that nobody has named is followed")
	}
	topic := sent(t, third, 3, entries(3, 0, 100), nil)
	if keys := maps.Collect(func(yield func(string, bool) bool) {
		for _, r := range topic[100:] {
			yield(string(r.Key), true)
		}
	}); len(keys) != 3 {
		t.Errorf("%d records that brokers keep beside the cards, want two successors and a publication", len(keys))
	}
	if !l.reads(topic) {
		t.Fatalf("the third key is not followed: %q", l.said)
	}
	if l.reads(sent(t, first, 4, entries(4, 0, 100), nil)) {
		t.Error("the first key is followed again")
	}
	for given, want := range map[byte]bool{1: true, 4: false} {
		again, err := OpenTrust(l.Trust.path, message.PublicOf(signer(given).Key))
		if err != nil {
			t.Fatal(err)
		}
		l.Trust = again
		if got := l.reads(sent(t, third, 4, entries(4, 0, 100), nil)); got != want {
			t.Errorf("started again with key %d it follows the third: %v, want %v", given, got, want)
		}
	}
}

// TestParseKey reads what is printed, and nothing else.
func TestParseKey(t *testing.T) {
	public := message.PublicOf(signer(1).Key)
	if key, err := ParseKey(fmt.Sprintf("%x\n", []byte(public))); err != nil || !key.Equal(public) {
		t.Errorf("%x, %v", key, err)
	}
	for _, text := range []string{"", "00", "x" + fmt.Sprintf("%x", []byte(public))[1:]} {
		if _, err := ParseKey(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// What is wrong on the topic and is withdrawn stands in no list's way.
func TestWithdrawn(t *testing.T) {
	for name, wrong := range map[string]*kgo.Record{
		"no card":         {Key: []byte("x"), Value: []byte{0xFF}},
		"a card too many": sent(t, signer(1), 3, entries(3, 100, 101), nil)[0],
	} {
		l := newLane(t)
		topic := append(sent(t, signer(1), 3, entries(3, 0, 100), nil), wrong)
		if l.reads(topic) {
			t.Errorf("%s: the list is taken", name)
		}
		if !l.reads(append(topic, &kgo.Record{Key: wrong.Key})) {
			t.Errorf("%s, withdrawn: the list is refused: %q", name, l.said)
		}
	}
}

// A version that could not be kept on the disk is kept the next time.
func TestTrustIsSaved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	path, key := filepath.Join(dir, "publisher"), message.PublicOf(signer(1).Key)
	trust, err := OpenTrust(path, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := trust.took(message.TopicHotlist, 7); err == nil {
		t.Fatal("it is kept where there is no folder")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := trust.took(message.TopicHotlist, 7); err != nil {
		t.Fatal(err)
	}
	again, err := OpenTrust(path, key)
	if err != nil {
		t.Fatal(err)
	}
	if v := again.Version(message.TopicHotlist); v != 7 {
		t.Errorf("after a restart version %d, want 7", v)
	}
}
