package message_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
)

func TestReading(t *testing.T) {
	now := [message.TimeLen]byte{0x20, 0x26, 0x01, 0x05, 0x12, 0x34, 0x56}
	tap, err := proto.Marshal(&message.Tap{
		Medium: message.Medium_MEDIUM_CONTACTLESS, CardCounter: 300, BalanceFen: 70_000, Line: 5, EntryTime: []byte{1, 2, 3, 4, 5, 6, 7}, Vehicle: "v",
		Debit: &message.Debit{Card: make([]byte, 10), Time: now[:], TerminalSequence: 9, AmountFen: 4},
	})
	if err != nil {
		t.Fatal(err)
	}
	load, err := proto.Marshal(&message.Load{Time: now[:], NewBalanceFen: 80_000, AmountFen: 5, OnlineSequence: 3, Order: "o"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		read func([]byte) (message.Reading, bool)
		b    []byte
		want message.Reading
		ok   bool
	}{
		{"tap", message.TapReading, tap, message.Reading{Time: now, Counter: 300, Balance: 70_000}, true},
		{"load", message.LoadReading, load, message.Reading{Time: now, Balance: 80_000}, true},
		{"tap cut short", message.TapReading, tap[:len(tap)-1], message.Reading{}, false},
		{"load cut short", message.LoadReading, load[:len(load)-1], message.Reading{}, false},
		{"time of six bytes", message.LoadReading, []byte{0x42, 6, 0, 0, 0, 0, 0, 0}, message.Reading{}, false},
	}
	for _, test := range tests {
		got, ok := test.read(test.b)
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%s: %+v, %v, want %+v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

func FuzzReading(f *testing.F) {
	f.Add([]byte{0x12, 0x02, 0x3a, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := message.TapReading(b)
		var tap message.Tap
		if err := proto.Unmarshal(b, &tap); err != nil || !ok || tap.GetDebit() == nil {
			return
		}
		if got.Counter != tap.GetCardCounter() || got.Balance != tap.GetBalanceFen() {
			t.Errorf("%x: counter %d, balance %d, protobuf says %d, %d", b, got.Counter, got.Balance, tap.GetCardCounter(), tap.GetBalanceFen())
		}
	})
}
