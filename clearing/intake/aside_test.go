package intake_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
)

// limit sets how long a message of a topic may be.
func (h *house) limit(topic, size string) {
	h.Helper()
	responses, err := kadm.NewClient(h.client).AlterTopicConfigs(h.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &size}}, topic)
	h.must(err)
	for _, r := range responses {
		h.must(r.Err)
	}
}

// TestMessagesSetAside publishes rejects. The broker refuses many of them for their length, more
// than are read at once. All others are sent, those before, between and behind them; the refused
// ones are kept with the error, and go out once the broker takes them and a process starts.
func TestMessagesSetAside(t *testing.T) {
	h := newHouse(t)
	h.limit(message.TopicRejectsTransit, "2000")
	var messages []sent
	const long, short = 70, 20
	for i := range long + short {
		value := []byte(fmt.Sprintf("\xff rubbish %d", i))
		if i%(short-1) != 3 && i < long+short-4 && i > 3 {
			value = append(value, bytes.Repeat([]byte{0xFF}, 2500)...)
		}
		messages = append(messages, sent{message.TopicTaps, 0, value})
	}
	count := func() (small, large int) {
		for _, r := range h.everything(message.TopicRejectsTransit) {
			var reject message.Reject
			h.must(proto.Unmarshal(r.Value, &reject))
			if len(reject.GetOriginal()) > 2000 {
				large++
			} else {
				small++
			}
		}
		return small, large
	}
	wantSmall, wantLarge := 0, 0
	for _, m := range messages {
		if len(m.value) > 2000 {
			wantLarge++
		} else {
			wantSmall++
		}
	}
	if wantLarge <= 60 || wantSmall < 8 {
		t.Fatalf("%d long and %d short messages: the test shows nothing", wantLarge, wantSmall)
	}
	h.send(messages...)
	stop := h.start("test")
	h.cleared()
	h.until("all that the broker takes", func() bool {
		small, large := count()
		if large > 0 {
			t.Fatal("a message that is too long was published")
		}
		return small == wantSmall && h.waiting() == wantLarge
	})
	var refused int
	h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT count(*) FROM outbound WHERE refused LIKE 'MESSAGE_TOO_LARGE%'").Scan(&refused))
	if refused != wantLarge {
		t.Errorf("%d messages are kept with the error, want %d", refused, wantLarge)
	}
	h.must(stop())
	h.limit(message.TopicRejectsTransit, "1000000")
	stop = h.start("test")
	h.untilSent()
	h.must(stop())
	if small, large := count(); small != wantSmall || large != wantLarge {
		t.Errorf("%d short and %d long messages are published, want %d and %d", small, large, wantSmall, wantLarge)
	}
}
