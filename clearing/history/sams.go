package history

import (
	"bytes"
	"maps"
	"slices"
)

// sams takes the SAMs through the numbers that the day's taps were signed with, on top
// of their histories, and packs those anew. Uses are few bytes a tap; all of a day's are
// in memory at once.
func sams(packed []byte, uses map[[6]byte][]uint32) (result []byte, count int64, findings []Finding, err error) {
	histories := map[[6]byte]*numbers{}
	r := reader{b: packed}
	var terminal [6]byte
	for len(r.b) > 0 {
		var n numbers
		r.number(terminal[:])
		r.numbers(&n)
		if r.err != nil {
			return nil, 0, nil, r.err
		}
		histories[terminal] = &n
	}
	for terminal, sequence := range uses {
		n := histories[terminal]
		if n == nil {
			n = &numbers{}
			histories[terminal] = n
		}
		findings = append(findings, follow(terminal, n, sequence)...)
	}
	var before []byte
	for _, terminal := range slices.SortedFunc(maps.Keys(histories), func(a, b [6]byte) int { return bytes.Compare(a[:], b[:]) }) {
		result = appendNumbers(appendNumber(result, before, terminal[:]), histories[terminal])
		before = terminal[:]
	}
	return result, int64(len(histories)), findings, nil
}

// follow takes one SAM through its numbers.
func follow(terminal [6]byte, n *numbers, sequence []uint32) (findings []Finding) {
	slices.Sort(sequence)
	next, last := n.next, int64(-1)
	for _, s := range sequence {
		v := int64(s)
		if n.add(v) == twice && v != last {
			findings = append(findings, Finding{SAMTwice, bytes.Clone(terminal[:]), v, v, 0})
			last = v
		}
	}
	for _, g := range n.opened(next) {
		findings = append(findings, Finding{SAMGap, bytes.Clone(terminal[:]), g.first, g.last, 0})
	}
	return findings
}
