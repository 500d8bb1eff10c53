package export

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// place is where a row stands in the chains.
type place struct {
	stream, sequence int64
	position         int32
}

// compare tells the order of two records. Of those with one place, which only books at fault have,
// the bytes decide.
func (p place) compare(record []byte, q place, other []byte) int {
	switch {
	case p.stream != q.stream:
		return cmp.Compare(p.stream, q.stream)
	case p.sequence != q.sequence:
		return cmp.Compare(p.sequence, q.sequence)
	case p.position != q.position:
		return cmp.Compare(p.position, q.position)
	}
	return bytes.Compare(record, other)
}

const (
	// runBytes is how much is sorted in memory at once, and one record more; runRecords how many
	// records at most.
	runBytes   = 16 << 20
	runRecords = 1 << 17
	// mergeBytes is about what all readers of a merge have in memory.
	mergeBytes = 32 << 20
	headBytes  = 8 + 8 + 4 + 4 // of a record in a file: its place and its length
)

// pile takes records in any order, and keeps them in a file, sorted piece by piece. It is for one
// goroutine; several piles are merged. Its memory does not grow with the records.
type pile struct {
	bytes   int // sorted at once, at most
	records int
	file    *os.File
	arena   []byte
	entries []pileEntry
	ends    []int64 // where each sorted run ends in the file
}

type pileEntry struct {
	place
	from, to int
}

// newPile makes a pile whose file is in a directory only until it is open.
func newPile(dir string, bytes, records int) (*pile, error) {
	file, err := os.CreateTemp(dir, "citycard-rows-*")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	// What is added last goes beyond what is sorted at once.
	return &pile{bytes: bytes, records: records, file: file, arena: make([]byte, 0, bytes+bytes/8)}, nil
}

// add takes a record, which write appends.
func (p *pile) add(at place, write func([]byte) []byte) error {
	if len(p.arena) >= p.bytes || len(p.entries) == p.records {
		if err := p.flush(); err != nil {
			return err
		}
	}
	from := len(p.arena)
	p.arena = write(p.arena)
	p.entries = append(p.entries, pileEntry{at, from, len(p.arena)})
	return nil
}

// flush writes a sorted run.
func (p *pile) flush() error {
	slices.SortFunc(p.entries, func(a, b pileEntry) int {
		return a.compare(p.arena[a.from:a.to], b.place, p.arena[b.from:b.to])
	})
	var end int64
	if len(p.ends) > 0 {
		end = p.ends[len(p.ends)-1]
	}
	out := bufio.NewWriterSize(p.file, 1<<18)
	var head [headBytes]byte
	for _, e := range p.entries {
		binary.BigEndian.PutUint64(head[:], uint64(e.stream))
		binary.BigEndian.PutUint64(head[8:], uint64(e.sequence))
		binary.BigEndian.PutUint32(head[16:], uint32(e.position))
		binary.BigEndian.PutUint32(head[20:], uint32(e.to-e.from))
		// A bufio.Writer keeps its first error, which Flush returns.
		_, _ = out.Write(head[:])
		_, _ = out.Write(p.arena[e.from:e.to])
		end += headBytes + int64(e.to-e.from)
	}
	p.ends = append(p.ends, end)
	p.arena, p.entries = p.arena[:0], p.entries[:0]
	return out.Flush()
}

// run reads a sorted run, record by record.
type run struct {
	in     *bufio.Reader
	at     place
	record []byte
}

// next reads the next record; false is the end.
func (r *run) next() (bool, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, err
	}
	r.at = place{int64(binary.BigEndian.Uint64(head[:])), int64(binary.BigEndian.Uint64(head[8:])), int32(binary.BigEndian.Uint32(head[16:]))}
	size := int(binary.BigEndian.Uint32(head[20:]))
	r.record = slices.Grow(r.record[:0], size)[:size]
	_, err := io.ReadFull(r.in, r.record)
	return true, err
}

// runs is a heap of runs, the one with the first record on top.
type runs []*run

func (r runs) Len() int { return len(r) }
func (r runs) Less(i, j int) bool {
	return r[i].at.compare(r[i].record, r[j].at, r[j].record) < 0
}
func (r runs) Swap(i, j int) { r[i], r[j] = r[j], r[i] }

// Push is for package heap, and not used: no run is added.
func (r *runs) Push(any) {}

// Pop takes the last run off.
func (r *runs) Pop() any {
	last := len(*r) - 1
	gone := (*r)[last]
	*r = (*r)[:last]
	return gone
}

// merge calls fn for the records of all piles in the order of their places. A record is good until
// fn returns.
func merge(piles []*pile, fn func(record []byte) error) error {
	var all runs
	count := 0
	for _, p := range piles {
		if err := p.flush(); err != nil {
			return fmt.Errorf("sort rows: %w", err)
		}
		p.arena, p.entries = nil, nil
		count += len(p.ends)
	}
	buffer := max(1<<14, mergeBytes/max(count, 1))
	for _, p := range piles {
		var from int64
		for _, to := range p.ends {
			r := &run{in: bufio.NewReaderSize(io.NewSectionReader(p.file, from, to-from), min(buffer, 1<<18))}
			from = to
			switch more, err := r.next(); {
			case err != nil:
				return fmt.Errorf("merge rows: %w", err)
			case more:
				all = append(all, r)
			}
		}
	}
	heap.Init(&all)
	for len(all) > 0 {
		if err := fn(all[0].record); err != nil {
			return err
		}
		switch more, err := all[0].next(); {
		case err != nil:
			return fmt.Errorf("merge rows: %w", err)
		case more:
			heap.Fix(&all, 0)
		default:
			heap.Pop(&all)
		}
	}
	return nil
}
