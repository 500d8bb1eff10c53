package message_test

import (
	"math"
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

// FuzzRide reads a tap with and without decoding it.
func FuzzRide(f *testing.F) {
	at := []byte{0x20, 0x26, 0x01, 0x05, 0x12, 0x34, 0x56}
	for _, tap := range []*message.Tap{
		{
			Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_EXIT, Line: 5, Station: 2, EntryStation: 300, EntryTime: at, CardType: 3,
			Vehicle: "v", CardCounter: 7, BalanceFen: 9, Debit: &message.Debit{AmountFen: 285, Time: at, TerminalSequence: 9, Card: make([]byte, 10)},
		},
		{Mode: message.Mode_MODE_BUS, EntryTime: at[:6], Debit: &message.Debit{}},
		{Line: 1},
		{
			Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 5, Debit: &message.Debit{AmountFen: 40, Time: at},
			Before: &message.RideBefore{Mode: message.Mode_MODE_METRO, Operator: 300, Time: at, Here: 2},
		},
		{
			Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_UPDATE, Station: 2, EntryStation: 300, EntryTime: at, CardType: 3,
			Debit: &message.Debit{Time: at}, Update: &message.Update{Reason: message.UpdateReason_UPDATE_REASON_ENTRY_TIMEOUT, CashFen: 900, Staff: "A17"},
		},
	} {
		b, err := proto.Marshal(tap)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, 0x5d, 1, 0, 0, 0))                // the card type as four bytes, which is another field
		f.Add(append(b, 0x5a, 1, 0))                      // or as bytes
		f.Add(append(b, 0x50, 7))                         // the entry's time as a number
		f.Add(append(b, 0x12, 4, 0x20, 9, 0x3a, 0))       // the debit again, with another amount and no time
		f.Add(append(b, 0x12, 4, 0x22, 0, 0x38, 1, 0x10)) // cut short
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := message.TapRide(b)
		var tap message.Tap
		if err := proto.Unmarshal(b, &tap); err != nil {
			return
		}
		if want := tap.Ride(); ok != (tap.GetDebit() != nil) || ok && got != want {
			t.Errorf("%x: %+v, %v; decoded %+v", b, got, ok, want)
		}
	})
}

// TestOverdrawn: a balance below zero is read as it was written, and of a load the allowance that
// the signed balance counts in is taken off.
func TestOverdrawn(t *testing.T) {
	for _, fen := range []int32{0, -1, -800, math.MinInt32, math.MaxInt32} {
		b, err := proto.Marshal(&message.Tap{BalanceFen: fen, Debit: &message.Debit{}})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := message.TapReading(b); !ok || got.Balance != fen {
			t.Errorf("%d fen are read as %d, %v", fen, got.Balance, ok)
		}
	}
	for _, test := range []struct {
		signed, overdraft uint32
		want              int32
	}{{5300, 800, 4500}, {300, 800, -500}, {800, 800, 0}, {5000, 0, 5000}, {0, math.MaxUint32, -math.MaxInt32}, {math.MaxUint32, 0, math.MaxInt32}} {
		load := &message.Load{NewBalanceFen: test.signed, OverdraftFen: test.overdraft}
		b, err := proto.Marshal(load)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := message.LoadReading(b); !ok || got.Balance != test.want || load.Own() != test.want {
			t.Errorf("%+v is read as %d, %v", test, got.Balance, ok)
		}
	}
}
