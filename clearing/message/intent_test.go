package message_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
)

func openTap() *message.Tap {
	return &message.Tap{
		Debit: &message.Debit{
			Card: []byte{3, 0x10, 0x49, 0x99, 0x90, 0, 0, 0, 0, 0x17}, Issuer: []byte{0x99, 0x99, 0x49, 0x10, 0xFF, 0xFF, 0xFF, 0xFF},
			Type: 9, Terminal: []byte{0x99, 0x99, 0, 0, 0, 1}, TerminalSequence: 0x01020304, Time: []byte{0x20, 0x26, 1, 5, 8, 0x31, 0x40},
		},
		CardCounter: 0xFFFF, EntryTime: []byte{0x20, 0x26, 1, 5, 8, 0, 0},
	}
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestUnconfirmed changes one field at a time of a tap that has no code yet, and of the intent to
// make it.
func TestUnconfirmed(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*message.Tap)
		taken  bool
	}{
		"nothing":              {func(*message.Tap) {}, true},
		"a purchase":           {func(m *message.Tap) { m.Debit.Type = 6 }, true},
		"no entry":             {func(m *message.Tap) { m.EntryTime = nil }, true},
		"no debit":             {func(m *message.Tap) { m.Debit = nil }, false},
		"short card":           {func(m *message.Tap) { m.Debit.Card = m.Debit.Card[1:] }, false},
		"card not in BCD":      {func(m *message.Tap) { m.Debit.Card[4] = 0x9A }, false},
		"short issuer":         {func(m *message.Tap) { m.Debit.Issuer = m.Debit.Issuer[1:] }, false},
		"long terminal":        {func(m *message.Tap) { m.Debit.Terminal = append(m.Debit.Terminal, 0) }, false},
		"no time":              {func(m *message.Tap) { m.Debit.Time = nil }, false},
		"a day that is none":   {func(m *message.Tap) { m.Debit.Time[2], m.Debit.Time[3] = 2, 0x30 }, false},
		"a load":               {func(m *message.Tap) { m.Debit.Type = 2 }, false},
		"a TAC":                {func(m *message.Tap) { m.Debit.Tac = []byte{1, 2, 3, 4} }, false},
		"another code":         {func(m *message.Tap) { m.Debit.OtherTac = []byte{1, 2, 3, 4} }, false},
		"a reason for one":     {func(m *message.Tap) { m.Debit.OtherTacReason = message.Unsure_UNSURE_TORN_TAP }, false},
		"a counter too high":   {func(m *message.Tap) { m.CardCounter++ }, false},
		"half an entry":        {func(m *message.Tap) { m.EntryTime = m.EntryTime[:3] }, false},
		"longer than a tap is": {func(m *message.Tap) { m.Vehicle = string(make([]byte, message.RecordLimit)) }, false},
	} {
		m := openTap()
		test.change(m)
		got, err := message.CheckUnconfirmed(encode(t, m))
		if (err == nil) != test.taken || err == nil && !proto.Equal(got, m) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		key := message.IntentKey(m.GetDebit())
		for state := range message.IntentState(6) {
			want := test.taken && state > message.IntentState_INTENT_STATE_UNSPECIFIED && state <= message.IntentState_INTENT_STATE_DOUBTED
			intent, err := message.ParseIntent(key, encode(t, &message.Intent{Tap: m, State: state}))
			if (err == nil) != want || err == nil && !proto.Equal(intent.GetTap(), m) {
				t.Errorf("%s, in state %d: %v, %v", name, state, intent, err)
			}
		}
	}
	if _, err := message.CheckUnconfirmed([]byte{0xFF}); err == nil {
		t.Error("what is no message is taken")
	}
	key := message.IntentKey(openTap().GetDebit())
	for i := range key {
		key[i]++
		if _, err := message.ParseIntent(key, encode(t, &message.Intent{Tap: openTap(), State: message.IntentState_INTENT_STATE_OPEN})); err == nil {
			t.Errorf("a key with another byte %d is taken", i)
		}
		key[i]--
	}
}
