package counters_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// record is a tap or load as the model makes it: numbers, and the day it is booked.
type record struct {
	card    string
	load    bool
	counter int64 // the card's
	sam     string
	sam4    uint32
	fen     int64 // of a tap what it costs, of a load what it brings
	balance int64 // claimed, after it
	second  int   // of its life: order in time
	day     int   // booked on the day, from 0; -1 never
}

// life makes the days of some cards: what each did in order, with records lost, late,
// and claims that are wrong.
func life(random *rand.Rand, days int) []record {
	var all []record
	sams := map[string]uint32{"310000000001": 5, "310000000002": 1 << 20}
	second := 0
	for c := range 5 {
		number := fmt.Sprintf("01014910507020000000%04d", c)
		balance, taps, loads := int64(0), int64(random.IntN(100)), int64(0)
		for day := range days {
			for range random.IntN(6) {
				r := record{card: number, second: second, day: day}
				second++
				if balance < 500 || random.IntN(4) == 0 {
					r.load, r.counter, r.fen = true, loads, 1000
					loads++
					balance += r.fen
				} else {
					r.sam = []string{"310000000001", "310000000002"}[random.IntN(2)]
					r.counter, r.sam4, r.fen = taps, sams[r.sam], int64(random.IntN(3)*100)
					taps++
					sams[r.sam]++
					balance -= r.fen
				}
				r.balance = balance
				switch random.IntN(12) {
				case 0:
					r.day = -1
				case 1:
					r.day = min(days-1, day+1)
				case 2:
					r.balance += 300
				case 3:
					if !r.load {
						r.counter += int64(random.IntN(3)) - 1
					}
				case 4:
					if !r.load && random.IntN(4) == 0 {
						r.counter = 70_000
					}
				}
				all = append(all, r)
			}
		}
	}
	return all
}

// expected says, from the plain sets of numbers, what a day's pass must find. The days
// named were closed without some of their records: they report nothing that is missing, and the
// next day reports what is missing since the last whole one.
func expected(records []record, day int, without ...int) []string {
	var found []string
	whole := func(day int) bool { return !slices.Contains(without, day) }
	base := day - 1
	for base >= 0 && !whole(base) {
		base--
	}
	byCard := map[string][]record{}
	bySAM := map[string][]record{}
	for _, r := range records {
		if r.day < 0 || r.day > day {
			continue
		}
		byCard[r.card] = append(byCard[r.card], r)
		if !r.load {
			bySAM[r.sam] = append(bySAM[r.sam], r)
		}
	}
	for card, list := range byCard {
		of := func(load bool) (numbers []booked) {
			for _, r := range list {
				if r.load == load && r.counter <= 0xFFFF {
					numbers = append(numbers, booked{r.counter, r.day})
				}
			}
			return numbers
		}
		found = append(found, gaps(of(false), day, base, "counter_gap "+card, "counter_twice "+card)...)
		found = append(found, gaps(of(true), day, base, "load_gap "+card, "")...)
		for _, r := range list {
			if r.day == day && r.counter > 0xFFFF {
				found = append(found, fmt.Sprintf("counter_impossible %s %d-%d 0", card, r.counter, r.counter))
			}
		}
		if now, before := difference(list, day), difference(list, base); now != before {
			found = append(found, fmt.Sprintf("balance %s 0-0 %d", card, now))
		}
	}
	for sam, list := range bySAM {
		var numbers []booked
		for _, r := range list {
			numbers = append(numbers, booked{int64(r.sam4), r.day})
		}
		found = append(found, gaps(numbers, day, base, "sam_gap "+sam, "sam_twice "+sam)...)
	}
	found = slices.DeleteFunc(found, func(f string) bool {
		kind, _, _ := strings.Cut(f, " ")
		return !whole(day) && (strings.HasSuffix(kind, "_gap") || kind == "balance")
	})
	slices.Sort(found)
	return slices.Compact(found)
}

type booked struct {
	number int64
	day    int
}

func gaps(numbers []booked, day, base int, gap, twice string) (found []string) {
	if len(numbers) == 0 {
		return nil
	}
	begun := slices.MinFunc(numbers, func(a, b booked) int { return cmp.Compare(a.day, b.day) }).day
	first, highest, highestBefore := int64(1<<40), int64(-1), int64(-1)
	seen := map[int64]int{}
	for _, n := range numbers {
		if n.day == begun {
			first = min(first, n.number)
		}
		highest = max(highest, n.number)
		if n.day <= base {
			highestBefore = max(highestBefore, n.number)
		}
		seen[n.number]++
	}
	for _, n := range numbers {
		if n.day == day && seen[n.number] > 1 && n.number >= first && twice != "" {
			found = append(found, fmt.Sprintf("%s %d-%d 0", twice, n.number, n.number))
		}
	}
	for v := max(first, highestBefore+1); v < highest; v++ {
		from := v
		for seen[v] == 0 {
			v++
		}
		if from < v {
			found = append(found, fmt.Sprintf("%s %d-%d 0", gap, from, v-1))
		}
	}
	return found
}

// difference is the last claim of a card less what was booked.
func difference(list []record, day int) int64 {
	var last *record
	shadow := int64(0)
	for i := range list {
		r := &list[i]
		if r.day > day {
			continue
		}
		if r.load {
			shadow += r.fen
		} else {
			shadow -= r.fen
		}
		if r.counter <= 0xFFFF && (last == nil || r.second > last.second) {
			last = r
		}
	}
	if last == nil {
		return 0
	}
	return last.balance - shadow
}
