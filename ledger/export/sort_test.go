package export

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPilesMerge puts places into piles in no order, in many runs, and wants each of them once, in
// order, with its record.
func TestPilesMerge(t *testing.T) {
	const streams, sequences, positions = 3, 7, 50
	var places []place
	for stream := range int64(streams) {
		for sequence := range int64(sequences) {
			for position := range int32(positions) {
				places = append(places, place{stream - 1, sequence, position - 1})
			}
		}
	}
	record := func(p place) []byte {
		b := binary.BigEndian.AppendUint64(nil, uint64(p.stream*1_000_000+p.sequence*1000+int64(p.position)))
		return append(b, bytes.Repeat([]byte{byte(p.position)}, int(p.position+1))...)
	}
	mixed := slices.Clone(places)
	rand.New(rand.NewPCG(7, 7)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	piles := make([]*pile, 4) // the last stays empty
	for i := range piles {
		var err error
		if piles[i], err = newPile(t.TempDir(), runBytes, runRecords); err != nil {
			t.Fatal(err)
		}
		defer piles[i].file.Close()
	}
	for i, at := range mixed {
		p := piles[i%3]
		if err := p.add(at, func(b []byte) []byte { return append(b, record(at)...) }); err != nil {
			t.Fatal(err)
		}
		if i%31 == 0 {
			if err := p.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	next := 0
	err := merge(piles, func(got []byte) error {
		if next < len(places) && !bytes.Equal(got, record(places[next])) {
			t.Fatalf("record %d is %x, want that of %v", next, got, places[next])
		}
		next++
		return nil
	})
	if err != nil || next != len(places) {
		t.Errorf("%d records, want %d; %v", next, len(places), err)
	}
}

// standing is a record and its place.
type standing struct {
	place
	record []byte
}

// TestPilesSort sorts records with piles that sort little at once, and wants what sorting all of
// them in memory makes. No pile has more in memory than it may, and no file has a name.
func TestPilesSort(t *testing.T) {
	dir := t.TempDir()
	edge := rapid.SampledFrom([]int64{math.MinInt64, -1, 0, 1, math.MaxInt64})
	drawn := rapid.Custom(func(t *rapid.T) standing {
		at := place{edge.Draw(t, "stream"), edge.Draw(t, "sequence"), int32(edge.Draw(t, "position") >> 32)}
		return standing{at, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "record")}
	})
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(drawn, 0, 60).Draw(t, "records")
		most, records := rapid.IntRange(1, 64).Draw(t, "bytes at once"), rapid.IntRange(1, 8).Draw(t, "records at once")
		piles := make([]*pile, rapid.IntRange(1, 3).Draw(t, "piles"))
		for i := range piles {
			var err error
			if piles[i], err = newPile(dir, most, records); err != nil {
				t.Fatal(err)
			}
			defer piles[i].file.Close()
		}
		if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
			t.Fatalf("files %v, %v; want none that has a name", names, err)
		}
		for _, one := range all {
			p := piles[rapid.IntRange(0, len(piles)-1).Draw(t, "pile")]
			if err := p.add(one.place, func(b []byte) []byte { return append(b, one.record...) }); err != nil {
				t.Fatal(err)
			}
			if len(p.entries) > records || len(p.arena)-len(one.record) >= most {
				t.Fatalf("%d records of %d bytes are in memory; want at most %d, and %d and the last", len(p.entries), len(p.arena), records, most)
			}
		}
		slices.SortFunc(all, func(a, b standing) int { return a.compare(a.record, b.place, b.record) })
		next := 0
		err := merge(piles, func(got []byte) error {
			if next < len(all) && !bytes.Equal(got, all[next].record) {
				t.Fatalf("record %d is %x, want %x", next, got, all[next].record)
			}
			next++
			return nil
		})
		if err != nil || next != len(all) {
			t.Fatalf("%d records, want %d; %v", next, len(all), err)
		}
	})
}
