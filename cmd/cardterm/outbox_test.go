package main

import (
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/outbox"
)

// TestOpenPaymentsAreCarried: list says how many payments of a lane are open, and an export has
// them behind the records, as the clearing centre is told of them; import takes them.
func TestOpenPaymentsAreCarried(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "lanes", "a", "outbox"), filepath.Join(dir, "lanes", "b", "outbox")
	tap := &message.Tap{
		Debit: &message.Debit{
			Card: []byte{3, 0x10, 0x49, 0x99, 0x90, 0, 0, 0, 0, 0x17}, Issuer: []byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF},
			Type: 9, Terminal: []byte{0x99, 0x99, 0, 0, 0, 1}, TerminalSequence: 7, Time: []byte{0x20, 0x26, 1, 5, 8, 0x31, 0x40},
		},
		CardCounter: 1,
	}
	value, err := proto.Marshal(&message.Intent{Tap: tap, State: message.IntentState_INTENT_STATE_OPEN})
	must(t, err)
	out, err := outbox.Open(from)
	must(t, err)
	must(t, out.Keep([]outbox.Local{{Key: message.IntentKey(tap.GetDebit()), Value: value}}, outbox.Record{Topic: message.TopicTaps, Key: []byte("card"), Value: []byte{1}}))
	other, err := outbox.Open(to)
	must(t, err)
	must(t, other.Close())
	if text := string(output(t, "outbox", "list", "--json", "--data", dir)); !strings.Contains(text, `{"lane":"a","waiting":1,"sent":0,"open":1}`) {
		t.Errorf("list: %s", text)
	}
	file := filepath.Join(dir, "carried")
	if text := string(output(t, "outbox", "export", "--data", dir, "--lane", "a", file)); !strings.Contains(text, "exported: 2 records") || !strings.Contains(text, "open payments among them: 1") {
		t.Errorf("export: %s", text)
	}
	output(t, "outbox", "import", "--data", dir, "--lane", "b", file)
	must(t, out.Close())
	var topics []string
	_, err = outbox.Look(to, func(r outbox.Record) error {
		topics = append(topics, r.Topic)
		if carried := new(message.Tap); r.Topic == message.TopicTapsUnconfirmed && (proto.Unmarshal(r.Value, carried) != nil || !proto.Equal(carried, tap) || len(r.Key) == 0) {
			t.Errorf("%+v, want the tap", r)
		}
		return nil
	})
	if err != nil || strings.Join(topics, " ") != "taps taps.unconfirmed" {
		t.Errorf("%v, %v", topics, err)
	}
}
