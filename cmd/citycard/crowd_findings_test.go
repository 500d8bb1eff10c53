package main

import (
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"

	"citycard/clearing/counters"
	"citycard/clearing/identity"
	"citycard/simulators/truth"
)

// found is a line of citycard day findings --json.
type found struct {
	Kind, Subject string
	First, Last   int64
}

// visitors is how the cards of the simulated other cities begin, as subjects.
const visitors = "999999"

// findsGaps compares the findings of the close with the truth: exactly the numbers of SAMs that no
// record in the books has, and at least one gap in the counters of each card that lost a record
// between two others.
func (d *crowdDay) findsGaps() {
	d.Helper()
	used, claimed := map[string][]int64{}, map[string][]int64{}
	gapped := map[string]bool{}
	taps := map[string]int{}
	err := truth.EachRecord(filepath.Join(d.field, "truth"), func(r *truth.Record) error {
		id, err := hex.DecodeString(r.ID)
		if err != nil || !r.Posts() {
			return err
		}
		if terminal, sequence, ok := identity.ParseSpend(id); ok {
			sam := hex.EncodeToString(terminal[:])
			switch {
			case r.Reason == "unknown_terminal": // of SAMs that are not registered nothing is asked
				return nil
			case strings.HasPrefix(r.Subject, visitors) || r.Reason == "implausible_date" && r.Fen == 0: // may be another city's to check
				claimed[sam] = append(claimed[sam], int64(sequence))
				return nil
			}
			used[sam] = append(used[sam], int64(sequence))
			taps[r.Subject]++
			gapped[r.Subject] = gapped[r.Subject] || r.Fault == "counter_gap"
		}
		return nil
	})
	if err != nil {
		d.Fatal(err)
	}
	var want []found
	for sam, numbers := range used {
		slices.Sort(numbers)
		first, last := numbers[0], numbers[len(numbers)-1]
		for _, v := range claimed[sam] {
			if v > first && v < last {
				numbers = append(numbers, v)
			}
		}
		slices.Sort(numbers)
		for i := 1; i < len(numbers); i++ {
			if before, this := numbers[i-1], numbers[i]; this > before+1 {
				want = append(want, found{counters.SAMGap.String(), sam, before + 1, this - 1})
			}
		}
	}
	var got []found
	ofCards := map[string]bool{}
	out := d.run(d.T, "citycard", "day", "findings", "--day", testDay, "--data", d.data, "--db", d.url(), "--whole-numbers", "--json")
	for line := range strings.Lines(out) {
		var f found
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			d.Fatalf("%v: %s", err, line)
		}
		switch f.Kind {
		case counters.SAMGap.String():
			got = append(got, f)
		case counters.CounterGap.String():
			ofCards[f.Subject] = true
		case counters.LoadGap.String(), counters.SAMTwice.String():
			d.Errorf("found %+v, of which there is none", f)
		}
	}
	order := func(a, b found) int {
		return strings.Compare(a.Subject, b.Subject)*2 + int(min(1, max(-1, a.First-b.First)))
	}
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	if len(want) == 0 || !slices.Equal(got, want) {
		d.Errorf("found %d gaps of SAMs, want %d", len(got), len(want))
	}
	missed := 0
	for card, gap := range gapped {
		// A gap before a card's first record does not count.
		if gap && taps[card] > 2 && !ofCards[card] {
			missed++
		}
	}
	if missed*2 > len(ofCards) || len(ofCards) == 0 {
		d.Errorf("%d cards have gaps in their counters, of %d that lost a record none was found", len(ofCards), missed)
	}
}
