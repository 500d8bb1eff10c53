package unconfirmed

import (
	"encoding/hex"
	"testing"

	"citycard/clearing/message"
)

// TestClaims are worked by hand. A card with 24.00 yuan and offline sequence 42 is asked for 1.60
// at noon, and nobody knows whether it paid: then it would have 22.40.
func TestClaims(t *testing.T) {
	at, _ := hex.DecodeString("20260105120000")
	tap := &message.Tap{CardCounter: 42, BalanceFen: 2240, Debit: &message.Debit{Time: at, AmountFen: 160}}
	ride := func(time string, counter, fen, balance int64) Reading {
		return Reading{Time: time, Counter: counter, Fen: fen, Balance: balance}
	}
	load := func(time string, fen, balance int64) Reading {
		return Reading{Time: time, Load: true, Fen: fen, Balance: balance}
	}
	const earlier, later, evening = "20260105115900", "20260105120100", "20260105200000"
	for _, test := range []struct {
		name string
		all  []Reading
		want Says
	}{
		{"nothing came", nil, Nothing},
		{"a ride before it", []Reading{ride(earlier, 41, 80, 2400)}, Nothing},
		// 42 was used, and the next ride began with 22.40.
		{"the next ride has 43, 22.40 - 0.80 = 21.60", []Reading{ride(later, 43, 80, 2160)}, Debited},
		// 42 is still there for the next ride, which began with 24.00.
		{"the next ride has 42, 24.00 - 0.80 = 23.20", []Reading{ride(later, 42, 80, 2320)}, NotDebited},
		{"two rides, in any order", []Reading{ride(evening, 44, 80, 2080), ride(later, 43, 80, 2160)}, Debited},
		{"two rides, the first with 42", []Reading{ride(evening, 43, 80, 2240), ride(later, 42, 80, 2320)}, NotDebited},
		{"a ride later on, others are missing", []Reading{ride(evening, 50, 80, 1000)}, Debited},
		{"a free entry with 43", []Reading{ride(later, 43, 0, 2240)}, Debited},
		{"a free entry with 42", []Reading{ride(later, 42, 0, 2400)}, NotDebited},
		// A load says it by its balance alone.
		{"50.00 loaded onto 22.40", []Reading{load(later, 5000, 7240)}, Debited},
		{"50.00 loaded onto 24.00", []Reading{load(later, 5000, 7400)}, NotDebited},
		{"50.00 loaded onto something else", []Reading{load(later, 5000, 7000)}, Nothing},
		{"loaded before it", []Reading{load(earlier, 5000, 7400)}, Nothing},
		{"loaded onto 22.40, then a ride with 43", []Reading{ride(evening, 43, 80, 7160), load(later, 5000, 7240)}, Debited},
		// The terminal's word on the balance is not the counter's.
		{"43, and it began with 24.00", []Reading{ride(later, 43, 80, 2320)}, Disagree},
		{"42, and it began with 22.40", []Reading{ride(later, 42, 80, 2160)}, Disagree},
		{"43, and it began with something else", []Reading{ride(later, 43, 80, 1000)}, Debited},
	} {
		got := Claims(tap, test.all)
		if got.Says != test.want {
			t.Errorf("%s: claims say %s, want %s", test.name, got.Says, test.want)
		}
		if (got.First != nil) != (got.Says != Nothing) && test.name != "50.00 loaded onto something else" {
			t.Errorf("%s: the first later record is %+v", test.name, got.First)
		}
	}
	free := &message.Tap{CardCounter: 42, BalanceFen: 2400, Debit: &message.Debit{Time: at}}
	if got := Claims(free, []Reading{load(later, 5000, 7400)}); got.Says != Nothing {
		t.Errorf("a free entry before a load: claims say %s; the balance is the same either way", got.Says)
	}
}

// TestRowNames reads what it writes, and nothing else.
func TestRowNames(t *testing.T) {
	const name = "20260105/049999904999900000000018/0109310000000001000000" + "07"
	key, err := ParseRow(name)
	if err != nil || RowName(key) != name {
		t.Errorf("%s is read as %+v, %v", name, key, err)
	}
	for _, wrong := range []string{"", "20260105/04/01", name + "00", "2026-01-05" + name[8:], name[:9] + "0A" + name[11:]} {
		if key, err := ParseRow(wrong); err == nil {
			t.Errorf("%q is read as %+v", wrong, key)
		}
	}
}
