package counters_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/counters"
	"citycard/ledger"
)

// without notes that a day was closed without a stream.
func (o *office) without(day ledger.Day, stream string) {
	o.Helper()
	by := ledger.Approval{First: "Li", Second: "Wang", Reason: "it stands", At: time.Unix(1, 0)}
	o.must(o.Ledger.Write(o.Context(), func(tx pgx.Tx) error {
		return ledger.Approve(o.Context(), tx, counters.ActCloseWithout, counters.Unread{Day: day, Stream: stream, At: 17, End: 20}.String(), by)
	}))
}

// TestUnread closes days without some of their records, one or two in a row, and books those
// on the day after: nothing is reported as missing that came later, on the day itself nothing at
// all, and what is missing for good is reported once, by the next day that has everything.
func TestUnread(t *testing.T) {
	held := 0
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			const days = 5
			random := rand.New(rand.NewPCG(seed, 2))
			o := newOffice(t, 1+random.IntN(9))
			without := [][]int{{0}, {1}, {1, 2}, {0, 2}, {3}}[random.IntN(5)]
			records := life(random, days)
			for i, r := range records {
				if slices.Contains(without, r.day) && random.IntN(3) == 0 {
					records[i].day = min(days-1, r.day+1+random.IntN(2))
				}
			}
			for day := range days {
				date := firstDay.Add(day)
				if slices.Contains(without, day) {
					o.without(date, "taps/1")
					o.without(date, "loads/0")
				}
				o.book("taps/0", random, records, day)
				o.closes(date)
				if got, want := o.findings(date), expected(records, day, without...); !slices.Equal(got, want) {
					t.Fatalf("day %d of %v: found\n%s\nwant\n%s", day, without, strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				if !slices.Equal(expected(records, day), expected(records, day, without...)) {
					held++
				}
			}
		})
	}
	if held < 12 {
		t.Errorf("on %d days something was held back or made up for: the test shows nothing", held)
	}
}

// TestUnreadOfOneTopic closes a day without the taps or without the loads alone: what a card claims
// and the books do not have is not reported, since it may be in what was left; where nothing was
// left it is, and the next day takes it back.
func TestUnreadOfOneTopic(t *testing.T) {
	const card, sam = "010149105070200000000001", "310000000001"
	load := record{card: card, load: true, counter: 0, fen: 1000, balance: 1000, second: 1}
	tap := record{card: card, sam: sam, counter: 1, sam4: 7, fen: 100, balance: 900, second: 2}
	again := record{card: card, load: true, counter: 1, fen: 1000, balance: 1900, second: 3}
	for _, test := range []struct {
		without string
		late    int // the record that is booked on the day after
		found   [][]string
	}{
		{"loads/0", 0, [][]string{nil, nil}},
		{"taps/1", 1, [][]string{nil, nil}},
		{"", 1, [][]string{{"balance " + card + " 0-0 -100"}, {"balance " + card + " 0-0 0"}}},
	} {
		o := newOffice(t, 5)
		records := []record{load, tap, again}
		records[test.late].day = 1
		if test.without != "" {
			o.without(firstDay, test.without)
		}
		for day, want := range test.found {
			date := firstDay.Add(day)
			o.book("taps/0", rand.New(rand.NewPCG(1, 4)), records, day)
			o.closes(date)
			if found := o.findings(date); !slices.Equal(found, want) {
				t.Errorf("without %q, day %d: found %q, want %q", test.without, day, found, want)
			}
		}
	}
}

// TestUnreadNoted reads back what the audit has of a day.
func TestUnreadNoted(t *testing.T) {
	o := newOffice(t, 5)
	o.without(firstDay, "medical.requests/3")
	o.without(firstDay.Next(), "taps/1")
	list, err := o.Unread(t.Context(), firstDay)
	o.must(err)
	if want := (counters.Unread{Day: firstDay, Stream: "medical.requests/3", At: 17, End: 20}); len(list) != 1 || list[0] != want {
		t.Errorf("%v, want %v", list, want)
	}
}

// TestUnreadManyGaps books every second number of a SAM, a thousand of them, on a day that was
// closed without a stream, and the others on the next: none is missing then, and all are known,
// so that one that is used once more is found.
func TestUnreadManyGaps(t *testing.T) {
	o := newOffice(t, 500)
	random := rand.New(rand.NewPCG(1, 3))
	var records []record
	for i := range 2000 {
		records = append(records, record{
			card: fmt.Sprintf("0310507020000000%04d", i), counter: 1, sam: "310000000001", sam4: uint32(i), second: i, day: i % 2,
		})
	}
	records = append(records, record{card: "03105070200000009999", counter: 1, sam: "310000000001", sam4: 500, second: 2000, day: 2})
	want := [][]string{nil, nil, {"sam_twice 310000000001 500-500 0"}}
	o.without(firstDay, "taps/1")
	for day := range 3 {
		date := firstDay.Add(day)
		o.book("taps/0", random, records, day)
		o.closes(date)
		if found := o.findings(date); !slices.Equal(found, want[day]) {
			t.Errorf("day %d: %d findings (%.5v), want %v", day, len(found), found, want[day])
		}
	}
}
