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
		difference := stock.NewComparison(counted)
		for _, r := range lots {
			difference.Lot(r)
		}
		is := difference.End()
		missing, extra := except(there, seen), except(seen, there)
		if is.Pieces != int64(len(seen)) || is.Expected != int64(len(there)) || is.Missing != int64(len(missing)) || is.Extra != int64(len(extra)) ||
			!slices.Equal(each(is.MissingRanges), missing) || !slices.Equal(each(is.ExtraRanges), extra) {
			rt.Fatalf("counted %v where %v should be: %+v", counted, lots, is)
		}
	})
}

// except are the serials of a set that are not in another one, in order.
func except(set, other map[int64]bool) (list []int64) {
	for s := range set {
		if !other[s] {
			list = append(list, s)
		}
	}
	slices.Sort(list)
	return list
}

// each are all serials of ranges.
func each(ranges []stock.Range) (list []int64) {
	for _, r := range ranges {
		for s := r.First; s <= r.Last; s++ {
			list = append(list, s)
		}
	}
	return list
}

// TestCountIsBounded counts every second piece of many: the act has all sums, and the first ranges.
func TestCountIsBounded(t *testing.T) {
	difference := stock.NewComparison([]stock.Range{{First: 100_000, Last: 100_009}})
	for n := range int64(10_000) {
		difference.Lot(stock.Range{First: 2*n + 1, Last: 2*n + 1})
	}
	if is := difference.End(); is.Missing != 10_000 || is.Extra != 10 || len(is.MissingRanges) != 20 || is.MissingRanges[19].First != 39 {
		t.Errorf("%+v", is)
	}
}
