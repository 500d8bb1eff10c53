package stock_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"citycard/clearing/stock"
)

// TestSerials reads serials and ranges as people and scanners write them.
func TestSerials(t *testing.T) {
	for text, want := range map[string]stock.Range{
		"1": {First: 1, Last: 1}, "0007": {First: 7, Last: 7}, "1-20": {First: 1, Last: 20}, " 3 - 5 ": {First: 3, Last: 5},
		"999999999999999999": {First: stock.MaxSerial, Last: stock.MaxSerial},
	} {
		if is, err := stock.ParseRange(text); err != nil || is != want {
			t.Errorf("%q is %v, %v; want %v", text, is, err, want)
		}
	}
	for _, text := range []string{"", "0", "-5", "5-", "5-4", "1a", "+1", "1000000000000000000", "99999999999999999999"} {
		if is, err := stock.ParseRange(text); err == nil {
			t.Errorf("%q is taken as %v", text, is)
		}
	}
	if _, err := stock.Merged([]stock.Range{{First: 1, Last: 3}, {First: 3, Last: 4}}); err == nil {
		t.Error("a serial that is there twice is taken")
	}
}

// TestRangesModel holds what is missing and what is too many in a count against sets.
func TestRangesModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) (set map[int64]bool, ranges []stock.Range) {
			set = rapid.MapOf(rapid.Int64Range(1, 30), rapid.Just(true)).Draw(rt, name)
			for s := range set {
				ranges = append(ranges, stock.Range{First: s, Last: s})
			}
			ranges, err := stock.Merged(ranges)
			if err != nil || stock.Pieces(ranges) != int64(len(set)) {
				rt.Fatalf("%v merge to %v, %v", set, ranges, err)
			}
			return set, ranges
		}
		there, lots := draw("there")
		seen, counted := draw("counted")
		var want, is []int64
		for s := int64(1); s <= 30; s++ {
			if there[s] && !seen[s] {
				want = append(want, s)
			}
		}
		for _, r := range stock.Without(lots, counted) {
			for s := r.First; s <= r.Last; s++ {
				is = append(is, s)
			}
		}
		if !slices.Equal(is, want) {
			rt.Fatalf("of %v without %v there are %v, want %v", lots, counted, is, want)
		}
	})
}
