package counters

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestJump: one number far away moves nothing, two near each other do.
func TestJump(t *testing.T) {
	tests := []struct {
		name  string
		add   []int64
		next  int64
		first int64
		gaps  []run
		far   int64
	}{
		{"one number far above", []int64{10, 11, 65_535, 12, 14}, 15, 10, []run{{13, 13}}, 65_536},
		{"a counter that went on elsewhere", []int64{10, 11, 5_000, 5_002}, 5_003, 10, []run{{12, 4_999}, {5_001, 5_001}}, 0},
		{"a first number far above", []int64{60_000, 10, 11, 12}, 13, 10, nil, 0},
		{"two numbers far apart", []int64{10, 5_000, 40_000, 11}, 12, 10, nil, 40_001},
		{"the same far number twice", []int64{10, 5_000, 5_000, 11}, 12, 10, nil, 5_001},
		{"a gap as wide as one record may make", []int64{10, 10 + jumpLimit}, 11 + jumpLimit, 10, []run{{11, 9 + jumpLimit}}, 0},
		{"a gap one wider", []int64{10, 11 + jumpLimit}, 11, 10, nil, 12 + jumpLimit},
		{"as far before the first as one record may be", []int64{1000, 1000 - jumpLimit}, 1001, 1000, nil, 0},
		{"one further before it", []int64{1000, 999 - jumpLimit}, 1001, 1000, nil, 1000 - jumpLimit},
	}
	for _, test := range tests {
		var n numbers
		for _, v := range test.add {
			n.add(v)
		}
		if n.next != test.next || n.first != test.first || n.far != test.far || !slices.Equal(n.gaps, test.gaps) {
			t.Errorf("%s: %+v, want first %d, next %d, gaps %v, far %d", test.name, n, test.first, test.next, test.gaps, test.far)
		}
	}
}

// TestLaterReading: of two readings that of the later second counts; within a second that of a tap
// before that of a load, and then that of the higher counter.
func TestLaterReading(t *testing.T) {
	const second = 20260105120000
	ordered := []reading{
		{second - 1, fromTap, 9, 1},
		{second, fromLoad, 600, 2},
		{second, fromLoad, 601, 3},
		{second, fromTap, 8, 4},
		{second, fromTap, 9, 5},
		{second + 1, fromLoad, 1, 6},
	}
	for i, a := range ordered {
		for j, b := range ordered {
			if a.earlier(b) != (i < j) {
				t.Errorf("%+v before %+v: %v", a, b, i >= j)
			}
		}
	}
}

// TestUnverified: what nobody vouches for fills gaps, at once or once the counter has come
// to it, and moves nothing.
func TestUnverified(t *testing.T) {
	var n numbers
	n.addUnverified(5)
	if n.any() {
		t.Error("an unverified number alone begins a history")
	}
	n.add(10)
	for _, v := range []int64{9, 12, 13, 1 << 40, 12} {
		n.addUnverified(v)
	}
	if n.next != 11 || len(n.gaps) != 0 {
		t.Errorf("unverified numbers moved the counter: %+v", n)
	}
	n.add(15)
	if want := []run{{11, 11}, {14, 14}}; !slices.Equal(n.gaps, want) {
		t.Errorf("gaps %v, want %v", n.gaps, want)
	}
	n.addUnverified(11)
	if want := []run{{14, 14}}; !slices.Equal(n.gaps, want) {
		t.Errorf("gaps %v, want %v", n.gaps, want)
	}
	for v := range int64(2 * looseLimit) {
		n.addUnverified(100 - v)
	}
	if len(n.loose) != looseLimit || n.loose[0] != 100-2*looseLimit+1 {
		t.Errorf("%d loose numbers from %d on, want the %d lowest", len(n.loose), n.loose[0], looseLimit)
	}
}

// TestPacked packs histories of any kind and reads the same ones back, in rows of no
// more than the limit.
func TestPacked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.SliceOfNDistinct(rapid.Uint32Range(0, 5000), 1, 40, rapid.ID[uint32]).Draw(t, "cards")
		slices.Sort(draw)
		p := packer{limit: 7}
		var want []card
		for _, number := range draw {
			c := card{shadow: rapid.Int64Range(-1<<40, 1<<40).Draw(t, "shadow")}
			copy(c.number[:], []byte{3, 0x10, 0x50, 0x70, 2, 0, 0, byte(number >> 16), byte(number >> 8), byte(number)})
			for _, v := range rapid.SliceOfN(rapid.Int64Range(0, 300), 0, 60).Draw(t, "taps") {
				c.taps.add(v * 3)
				c.taps.addUnverified(v * 5)
			}
			c.taps.giveUp()
			c.loads.add(rapid.Int64Range(0, counterLimit).Draw(t, "load"))
			if c.balanceKnown = rapid.Bool().Draw(t, "reading"); c.balanceKnown {
				c.reading = reading{20260105120000, fromTap, rapid.Int64Range(0, counterLimit).Draw(t, "counter"), rapid.Int64Range(-1<<31, 1<<31-1).Draw(t, "balance")}
				c.difference = c.reading.balance - c.shadow
			}
			want = append(want, c)
			p.add(c.number[:], c.append)
		}
		var got []card
		var before []byte
		for _, row := range p.end(nil) {
			if row.items > p.limit || !slices.Equal(row.after, before) {
				t.Fatalf("a row of %d after %x, want at most %d after %x", row.items, row.after, p.limit, before)
			}
			before = row.last
			r := reader{b: row.bytes}
			var c card
			for len(r.b) > 0 {
				if r.card(&c); r.err != nil {
					t.Fatal(r.err)
				}
				copied := c
				copied.taps.gaps, copied.taps.loose = slices.Clone(c.taps.gaps), slices.Clone(c.taps.loose)
				copied.loads.gaps, copied.loads.loose = slices.Clone(c.loads.gaps), slices.Clone(c.loads.loose)
				got = append(got, copied)
			}
		}
		if !slices.EqualFunc(got, want, sameCard) {
			t.Fatalf("read\n%+v\nwant\n%+v", got, want)
		}
	})
}

func sameCard(a, b card) bool {
	same := func(a, b *numbers) bool {
		return a.first == b.first && a.next == b.next && a.far == b.far && slices.Equal(a.gaps, b.gaps) && slices.Equal(a.loose, b.loose)
	}
	return a.number == b.number && same(&a.taps, &b.taps) && same(&a.loads, &b.loads) && a.shadow == b.shadow && a.reading == b.reading &&
		a.difference == b.difference && a.balanceKnown == b.balanceKnown
}

// FuzzPacked reads any bytes as histories and as uses: an error at most.
func FuzzPacked(f *testing.F) {
	var n numbers
	n.add(4)
	n.add(9)
	f.Add(appendNumbers(appendNumber(nil, nil, []byte("123456")), &n))
	f.Add((&uses{signed: []use{{sequence: 4}}, unverified: []use{{sequence: 5}}}).pack())
	f.Fuzz(func(t *testing.T, b []byte) {
		var c card
		for r := (reader{b: b}); len(r.b) > 0 && r.err == nil; {
			r.card(&c)
		}
		m := modules{}
		if m.begin(b) == nil {
			m.pack(10)
		}
		if err := (modules{}).use(b); err == nil && len(b) == 0 {
			t.Error("no bytes are uses")
		}
	})
}

// TestModules: of a SAM the numbers that our cards signed are followed; a record that
// another city has to check neither begins a history nor moves one.
func TestModules(t *testing.T) {
	one, other := [6]byte{1}, [6]byte{2}
	day := func(m modules, u uses) []Finding {
		t.Helper()
		if err := m.use(u.pack()); err != nil {
			t.Fatal(err)
		}
		return m.live(false)
	}
	var packed []byte
	var found []Finding
	for _, u := range []uses{
		{signed: []use{{one, 1}, {one, 2}, {one, 3}}, unverified: []use{{other, 7}}},
		{signed: []use{{one, 4}}, unverified: []use{{one, 0xFFFFFFFF}, {one, 5}}},
		{signed: []use{{one, 6}, {one, 9}, {one, 9}}, unverified: []use{{other, 8}}},
		{signed: []use{{one, 20}}},
	} {
		m := modules{}
		if err := m.begin(packed); err != nil {
			t.Fatal(err)
		}
		found = append(found, day(m, u)...)
		rows := m.pack(10)
		if len(m) != 1 || len(rows) != 1 {
			t.Fatalf("%d SAMs have a history in %d rows, want one", len(m), len(rows))
		}
		packed = rows[0].bytes
	}
	want := []Finding{
		{SAMTwice, one[:], 9, 9, 0}, {SAMGap, one[:], 7, 8, 0}, {SAMGap, one[:], 10, 19, 0},
	}
	if !slices.EqualFunc(found, want, func(a, b Finding) bool {
		return a.Kind == b.Kind && slices.Equal(a.Subject, b.Subject) && a.First == b.First && a.Last == b.Last
	}) {
		t.Errorf("found %v, want %v", found, want)
	}
}

// TestGiveUp reports every gap that a day opens, and keeps the latest ones open.
func TestGiveUp(t *testing.T) {
	const gaps = 3 * gapLimit
	var u uses
	for v := range uint32(gaps + 1) {
		u.signed = append(u.signed, use{[6]byte{1}, 2 * v})
	}
	m := modules{}
	if err := m.use(u.pack()); err != nil {
		t.Fatal(err)
	}
	if found := m.live(false); len(found) != gaps || found[0].First != 1 {
		t.Errorf("found %d gaps, want %d", len(found), gaps)
	}
	s := m[[6]byte{1}]
	if len(s.gaps) != gapLimit || s.gaps[gapLimit-1] != (run{2*gaps - 1, 2*gaps - 1}) || s.first != 2*(gaps-gapLimit) {
		t.Errorf("%d gaps from %d on stay open, the last is %v; want the %d latest", len(s.gaps), s.first, s.gaps[len(s.gaps)-1], gapLimit)
	}
}
