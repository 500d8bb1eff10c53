package monthly_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"citycard/cardos/monthly"
	"citycard/cardos/tunion"
)

func november() monthly.Ticket {
	return monthly.Ticket{
		Modes: monthly.ModesOf(tunion.IndustryBus), First: [4]byte{0x20, 0x26, 0x11, 0x01}, Last: [4]byte{0x20, 0x26, 0x11, 0x30},
		Sold: 100, Left: 1,
	}
}

func TestParse(t *testing.T) {
	b := november().Encode()
	if got, ok, err := monthly.Parse(b[:]); err != nil || !ok || got != november() {
		t.Fatalf("parsed %+v, %v, %v", got, ok, err)
	}
	if _, ok, err := monthly.Parse(make([]byte, monthly.Size)); ok || err != nil {
		t.Fatalf("an empty record is a ticket: %v, %v", ok, err)
	}
	for name, at := range map[string]int{"version": 0, "first day": 5, "more left than sold": 13, "last ride": 20} {
		bad := b
		bad[at] = 0xFF
		if _, _, err := monthly.Parse(bad[:]); !errors.Is(err, monthly.ErrLayout) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "raw")
		ticket, ok, err := monthly.Parse(raw)
		if err != nil || !ok {
			return
		}
		if b := ticket.Encode(); string(b[:22]) != string(raw[:22]) {
			t.Fatalf("%x became %x", raw, b)
		}
	})
}
