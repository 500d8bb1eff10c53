package forgery_test

import (
	"encoding/hex"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/simulators/forgery"
)

func tap() *message.Tap {
	return &message.Tap{
		Debit: &message.Debit{Card: []byte{3, 0x10}, AmountFen: 0x01020304, Terminal: []byte{1}, TerminalSequence: 5, Tac: []byte{9}},
		Mode:  message.Mode_MODE_BUS, Vehicle: "B7",
	}
}

// TestEveryByte alters each byte of a small tap: each time one field of the copy differs by that
// byte, and the tap itself is unchanged.
func TestEveryByte(t *testing.T) {
	places := forgery.Places(tap(), nil)
	// medium 4; card 2, type 4, amount 4, terminal 1, sequence 4, TAC 1, key version 4,
	// algorithm 4, reason 4; counter, balance, mode, movement, line, station, entry station, entry
	// line 4 each; card type 4, vehicle 2.
	if len(places) != 4+28+8*4+4+2 {
		t.Errorf("%d bytes, want 70: %v", len(places), places)
	}
	whole := tap()
	seen := map[string]bool{}
	for _, p := range places {
		altered, _, err := forgery.Altered(whole, p, 0x41)
		b, encoded := proto.Marshal(altered)
		if err != nil || encoded != nil || seen[string(b)] || proto.Equal(altered, whole) || !proto.Equal(whole, tap()) {
			t.Errorf("%s: %v, %v, altered to %v", p, err, encoded, altered)
		}
		seen[string(b)] = true
	}
	for _, test := range []struct {
		place forgery.Place
		now   string
	}{
		{forgery.Place{Field: "card", Byte: 1}, "0351"},
		{forgery.Place{Field: "amount-fen", Byte: 0}, "40020304"},
		{forgery.Place{Field: "terminal-sequence", Byte: 3}, "00000044"},
		{forgery.Place{Field: "station", Byte: 2}, "00004100"},
		{forgery.Place{Field: "mode", Byte: 0}, "41000002"},
		{forgery.Place{Field: "vehicle", Byte: 0}, "0337"},
	} {
		if _, now, err := forgery.Altered(tap(), test.place, 0x41); err != nil || hex.EncodeToString(now) != test.now {
			t.Errorf("%s becomes %x, %v; want %s", test.place, now, err, test.now)
		}
	}
	if _, _, err := forgery.Altered(tap(), forgery.Place{Field: "tac", Byte: 1}, 1); err == nil {
		t.Error("a byte that is not there was altered")
	}
	if m, _, err := forgery.Altered(tap(), forgery.Place{Field: "tac"}, 0x80); err != nil || m.GetDebit().GetTac()[0] == 9 {
		t.Error("a mask of no bit alters nothing")
	}
	if names := forgery.Fields(&message.Load{}); len(names) != 17 || !slices.Contains(names, "new-balance-fen") {
		t.Errorf("a load has fields %v", names)
	}
	if got := forgery.Places(tap(), []string{"tac", "vehicle"}); len(got) != 3 || got[2].String() != "vehicle_1" {
		t.Errorf("of two fields: %v", got)
	}
}
