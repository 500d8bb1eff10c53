package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/simulators/vcard"
	"citycard/terminals/outbox"
)

// TestRenamedLane: a lane has another name in the settings. What its old outbox has is sent, its
// open payments are settled at the lane with the new name or go up, and the agent, its pages,
// doctor and list say that it is there.
func TestRenamedLane(t *testing.T) {
	h := newHall(t, 1)
	held, away, slot := passenger(t, h, 1), passenger(t, h, 2), h.slot(0)
	h.start("--lane", strings.Replace(laneN(0, ""), "gate-0", "gate-old", 1))
	h.await(30*time.Second, `msg="in service"`)
	for i, torn := range []*chip.Chip{held, away} {
		h.tearAt(slot, torn, i+1)
	}
	h.stop()
	out, err := outbox.Open(filepath.Join(h.data, "lanes", "gate-old", "outbox"))
	must(t, err)
	sent := out.Status().Position
	must(t, out.Append(outbox.Record{Topic: message.TopicIntents, Key: []byte("of no payment")}))
	waiting := out.Status().Waiting()
	must(t, out.Close())

	settings := []string{"--data", h.data, "--role", "gate", "--lane", laneN(0, "")}
	if text, _ := command(t, append([]string{"doctor"}, settings...)...).Output(); !strings.Contains(string(text), fmt.Sprintf("lane gate-old is not in the settings; its outbox has records that wait: %d, open payments: 2", waiting)) {
		t.Errorf("doctor: %s", text)
	}
	if text := string(output(t, append([]string{"outbox", "list", "--json"}, settings...)...)); !strings.Contains(text, fmt.Sprintf(`{"lane":"gate-old","waiting":%d,"sent":%d,"open":2,"left":true}`, waiting, sent)) {
		t.Errorf("list: %s", text)
	}
	if text := string(output(t, "outbox", "list", "--json", "--data", h.data)); strings.Contains(text, "left") {
		t.Errorf("list without settings: %s", text)
	}
	h.start("--unconfirmed-after", "10s", "--lane", laneN(0, ""))
	h.await(30*time.Second, "lanes that are not in the settings have outboxes", "lanes=gate-old", fmt.Sprintf("waiting=%d", waiting), "open=2")
	h.awaitMetric(`cardterm_lane_left{lane="gate-old"} 1`)
	h.awaitMetric(`cardterm_outbox_waiting{lane="gate-old"} 0`)
	h.await(30*time.Second, `msg="in service"`)
	h.holdUntilServed(held)
	h.await(recoverLimit, "msg=paid", "lane=gate-0")
	h.await(30*time.Second, "payments stay unconfirmed", "lane=gate-old")
	h.awaitMetric(`cardterm_intents{lane="gate-old",state="unconfirmed"} 1`)
	// The card that came back did so to a lane whose SAM does not have its sale: clearing is told
	// of it too.
	keys := map[string]bool{}
	for _, records := range h.sentTaps(message.TopicTapsUnconfirmed, 2) {
		keys[string(records[0].Key)] = true
	}
	if !keys[away.Describe().Transit.Number] || !keys[held.Describe().Transit.Number] {
		t.Errorf("unconfirmed are %v", keys)
	}
	h.stop()
}

// tearAt holds a card that goes away once it has paid to a lane, until a number of cards have been
// torn. pcscd does not see a card that comes at once after another one, so it may be held again.
func (h *hall) tearAt(slot *vcard.Slot, held *chip.Chip, n int) {
	h.Helper()
	torn := func() bool { return len(h.words.with("outcome unknown")) >= n }
	for range 5 {
		must(h.T, slot.Insert(h.Context(), leavingCard{held, chip.AfterCommit}))
		for end := time.Now().Add(3 * time.Second); !torn() && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		}
		_ = slot.Remove() // it may be out already
		if torn() {
			return
		}
	}
	h.Fatalf("the card is not torn:\n%s", h.words.all())
}
