package downlink

import (
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/modes"
)

// station is a mode at a metro station from noon on.
func station(id string, kind message.ServiceMode, number uint32) *message.ModeEntry {
	return &message.ModeEntry{Id: id, Kind: kind, Transport: message.Mode_MODE_METRO, Station: number, From: "20260105120000"}
}

const fault, inTime, byOrder = message.ServiceMode_SERVICE_MODE_TRAIN_FAULT, message.ServiceMode_SERVICE_MODE_NO_TIME, message.ServiceMode_SERVICE_MODE_NO_ORDER

// sentModes are the records of topic modes, signed; edit may change what is signed.
func sentModes(t *testing.T, by *message.Signer, version int64, edit func(*message.Publication), list ...*message.ModeEntry) []*kgo.Record {
	t.Helper()
	value, err := proto.Marshal(&message.ModeList{Version: version, Modes: list})
	if err != nil {
		t.Fatal(err)
	}
	return sentRecord(t, by, version, edit, message.ModesKey, value)
}

// sentRecord is topic modes with one record, whatever it is.
func sentRecord(t *testing.T, by *message.Signer, version int64, edit func(*message.Publication), key string, value []byte) []*kgo.Record {
	t.Helper()
	return stated(t, by, []*kgo.Record{{Key: []byte(key), Value: value}}, edit, &message.Publication{
		Topic: message.TopicModes, Version: version, Records: 1, Hash: message.RecordsHash(map[string][]byte{key: value}),
	})
}

// modeLane is a lane that has taken the modes of version 2: a train fault at station 1.
func modeLane(t *testing.T) *lane {
	t.Helper()
	return follows(t, func(dir string, w Watch) (*WholeFollower, func() string) {
		path := filepath.Join(dir, "modes")
		list, err := modes.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return FollowModes(list, w), func() string {
			kept, err := modes.Open(path)
			if err != nil || kept.Version() != list.Version() || kept.Len() != list.Len() {
				t.Errorf("kept is version %d, the list is of %d: %v", kept.Version(), list.Version(), err)
			}
			s := list.At(modes.Place{Transport: message.Mode_MODE_METRO, Line: 1, Station: 1}, noon)
			return fmt.Sprintf("%v of version %d", s.Kinds, list.Version())
		}
	}, sentModes(t, signer(1), 2, nil, station("1", fault, 1)))
}

// TestCorruptedModes gives a lane service modes that are corrupted in many ways.
func TestCorruptedModes(t *testing.T) {
	good := func(version int64) []*kgo.Record {
		return sentModes(t, signer(1), version, nil, station("1", fault, 1))
	}
	signed := func(edit func(*message.ModeEntry)) []*kgo.Record {
		wrong := station("2", fault, 1)
		edit(wrong)
		return sentModes(t, signer(1), 3, nil, station("1", fault, 1), wrong)
	}
	issued := func(e *message.IssuerEntry) []*kgo.Record {
		value, err := proto.Marshal(&message.ModeList{Version: 3, Issuers: []*message.IssuerEntry{e}})
		if err != nil {
			t.Fatal(err)
		}
		return sentRecord(t, signer(1), 3, nil, message.ModesKey, value)
	}
	many := make([]*message.ModeEntry, message.MostModes+1)
	for i := range many {
		many[i] = station(strconv.Itoa(i), fault, 1)
	}
	flipped := good(3)
	flipped[0] = &kgo.Record{Key: flipped[0].Key, Value: append([]byte{}, flipped[0].Value...)}
	flipped[0].Value[len(flipped[0].Value)-1] ^= 1
	topics := corruptStatements(t, func(by *message.Signer, version int64, edit func(*message.Publication)) []*kgo.Record {
		return sentModes(t, by, version, edit, station("1", fault, 1))
	})
	maps.Copy(topics, map[string]corrupted{
		"a bit":                    {flipped, "not what was signed"},
		"the record is missing":    {good(3)[1:], "not what was signed"},
		"the record of before":     {append(good(2)[:1], good(3)[1:]...), "not what was signed"},
		"the record is withdrawn":  {append(good(3), &kgo.Record{Key: []byte(message.ModesKey)}), "not what was signed"},
		"a record too much":        {append(good(3), &kgo.Record{Key: []byte("more"), Value: []byte{1}}), "not what was signed"},
		"another key":              {sentRecord(t, signer(1), 3, nil, "mode", good(3)[0].Value), "want one, modes"},
		"of another version":       {sentRecord(t, signer(1), 3, nil, message.ModesKey, good(2)[0].Value), "it is of version 2"},
		"no list":                  {sentRecord(t, signer(1), 3, nil, message.ModesKey, []byte{0xFF}), "no list of modes"},
		"too many":                 {sentModes(t, signer(1), 3, nil, many...), "1001 modes"},
		"too long":                 {sentRecord(t, signer(1), 3, nil, message.ModesKey, make([]byte, message.ModesLimit+1)), "524289 bytes"},
		"an unknown kind":          {signed(func(m *message.ModeEntry) { m.Kind = 7 }), "kind 7"},
		"no kind":                  {signed(func(m *message.ModeEntry) { m.Kind = 0 }), "kind 0"},
		"no transport":             {signed(func(m *message.ModeEntry) { m.Transport = 0 }), "transport 0"},
		"nowhere":                  {signed(func(m *message.ModeEntry) { m.Station = 0 }), "want one of them"},
		"at line and station":      {signed(func(m *message.ModeEntry) { m.Lines = []uint32{1} }), "want one of them"},
		"line 0":                   {signed(func(m *message.ModeEntry) { m.Station, m.Lines = 0, []uint32{0} }), "want one of them"},
		"no beginning":             {signed(func(m *message.ModeEntry) { m.From = "" }), "want YYYYMMDDhhmmss"},
		"a day as beginning":       {signed(func(m *message.ModeEntry) { m.From = "20260105" }), "want YYYYMMDDhhmmss"},
		"an end before it":         {signed(func(m *message.ModeEntry) { m.To = "20260105115959" }), "want YYYYMMDDhhmmss"},
		"an end that is none":      {signed(func(m *message.ModeEntry) { m.To = "soon" }), "want YYYYMMDDhhmmss"},
		"the same mode twice":      {signed(func(m *message.ModeEntry) { m.Id = "1" }), "stands twice"},
		"no order, and no word":    {signed(func(m *message.ModeEntry) { m.Kind = byOrder }), "without an entry: 0"},
		"a word too much":          {signed(func(m *message.ModeEntry) { m.ExitWithoutEntry = 2 }), "without an entry: 2"},
		"an issuer of 3 bytes":     {issued(&message.IssuerEntry{Institution: []byte{1, 2, 3}, From: "20200101"}), "3 bytes, want 4"},
		"an issuer without a day":  {issued(&message.IssuerEntry{Institution: []byte{1, 2, 3, 4}}), "want YYYYMMDD"},
		"an issuer until some day": {issued(&message.IssuerEntry{Institution: []byte{1, 2, 3, 4}, From: "20200101", To: "2026"}), "want YYYYMMDD"},
		"a word that nobody knows": {signed(func(m *message.ModeEntry) { m.Kind, m.ExitWithoutEntry = byOrder, 5 }), "without an entry: 5"},
	})
	refuses(t, modeLane, sentModes(t, signer(1), 4, nil, station("1", inTime, 1)), topics)
}

// TestModesWithoutTrust: without a key a lane takes what is written, unless it is older or no list.
func TestModesWithoutTrust(t *testing.T) {
	l := modeLane(t)
	l.Trust = nil
	for _, r := range sentModes(t, signer(9), 3, nil, station("1", inTime, 1)) {
		l.take(r)
	}
	for _, r := range append(sentModes(t, signer(9), 1, nil), &kgo.Record{Key: []byte("x"), Value: []byte{1}}) {
		l.take(r)
	}
	l.save()
	if want := fmt.Sprintf("%v of version 3", []message.ServiceMode{inTime}); l.has() != want {
		t.Errorf("it has %s, want %s", l.has(), want)
	}
	if len(l.said) != 1 || !strings.Contains(l.said[0], "its key is not modes") {
		t.Errorf("it says %q", l.said)
	}
}
