package index_test

import (
	"encoding/hex"
	"testing"

	"citycard/clearing/registry/index"
)

// hotEdition is an edition with a hotlist: of each row the last digits of the card, from and to.
func hotEdition(t *testing.T, rows ...[3]string) *index.Edition {
	t.Helper()
	var r index.Rows
	for _, row := range rows {
		var number index.Number
		if _, err := hex.Decode(number[9:], []byte(row[0])); err != nil {
			t.Fatal(err)
		}
		from, _ := index.ParseMoment(row[1])
		to := index.Open
		if row[2] != "" {
			to, _ = index.ParseMoment(row[2])
		}
		r.Hotlist.Add(index.Listing{Card: number, Reason: "lost", From: from, To: to})
	}
	r.Hotlist.Finish(func(index.Listing, index.Listing) { t.Fatal("rows overlap") })
	return index.Next(&index.Edition{}, &r, [32]byte{})
}

// TestHotlistStep counts at noon of 5 January 2026.
func TestHotlistStep(t *testing.T) {
	const before, noon, after = "20260105115959", "20260105120000", "20260105120001"
	none := &index.Edition{}
	at, _ := index.ParseMoment(noon)
	a := hotEdition(t, [3]string{"01", before, ""}, [3]string{"02", before, before}, [3]string{"03", before, noon}, [3]string{"04", after, ""},
		[3]string{"05", "20260101000000", before}, [3]string{"05", after, "20260106000000"})
	b := hotEdition(t, [3]string{"01", before, ""}, [3]string{"02", before, ""}, [3]string{"06", noon, noon}, [3]string{"07", noon, after})
	for name, test := range map[string]struct {
		is, was *index.Edition
		want    index.ListStep
	}{
		"the first": {a, none, index.ListStep{Named: 4, Added: 4}},
		"emptied":   {none, a, index.ListStep{Before: 4, Gone: 4}},
		"the same":  {a, a, index.ListStep{Before: 4, Named: 4}},
		"other":     {b, a, index.ListStep{Before: 4, Named: 4, Added: 3, Gone: 3}},
		"back":      {a, b, index.ListStep{Before: 4, Named: 4, Added: 3, Gone: 3}},
	} {
		if got := test.is.HotlistStep(test.was, at); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// TestListBounds is just within and just outside each bound.
func TestListBounds(t *testing.T) {
	b := index.ListBounds{Few: 10, Grow: 20, Shrink: 30, Share: 5}
	for name, test := range map[string]struct {
		step   index.ListStep
		first  bool
		within bool
	}{
		"a few of none":           {index.ListStep{Named: 10, Added: 10}, false, true},
		"more than a few of none": {index.ListStep{Named: 11, Added: 11}, false, false},
		"a share":                 {index.ListStep{Before: 50, Named: 50, Cards: 1000}, false, true},
		"more than a share":       {index.ListStep{Before: 51, Named: 51, Cards: 1000}, false, false},
		"the first":               {index.ListStep{Named: 500, Added: 500, Cards: 10_000}, true, true},
		"the first, too many":     {index.ListStep{Named: 501, Added: 501, Cards: 10_000}, true, false},
		"grown":                   {index.ListStep{Before: 100, Named: 120, Added: 20, Cards: 10_000}, false, true},
		"grown too much":          {index.ListStep{Before: 100, Named: 121, Added: 21, Cards: 10_000}, false, false},
		"shrunk":                  {index.ListStep{Before: 100, Named: 70, Gone: 30, Cards: 10_000}, false, true},
		"shrunk too much":         {index.ListStep{Before: 100, Named: 69, Gone: 31, Cards: 10_000}, false, false},
		"other cards":             {index.ListStep{Before: 100, Named: 100, Added: 100, Gone: 100, Cards: 10_000}, false, false},
		"emptied":                 {index.ListStep{Before: 100, Gone: 100, Cards: 10_000}, false, false},
	} {
		if why := b.Check(test.step, test.first); (why == nil) != test.within {
			t.Errorf("%s: %v, want within: %v", name, why, test.within)
		}
	}
}
