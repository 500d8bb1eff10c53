package export

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
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
		if piles[i], err = newPile(t.TempDir()); err != nil {
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
