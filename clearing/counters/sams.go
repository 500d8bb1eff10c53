package counters

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// packUses packs uses in the order of SAM and number: for each SAM its number (see
// appendNumber), how many, and of each the difference to the one before.
func packUses(list []use) []byte {
	slices.SortFunc(list, func(a, b use) int {
		if x, y := a.order(), b.order(); x != y {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(a.sequence, b.sequence)
	})
	var b, before []byte
	for len(list) > 0 {
		terminal := list[0].terminal
		n := 0
		for n < len(list) && list[n].terminal == terminal {
			n++
		}
		b = appendNumber(b, before, terminal[:])
		b = binary.AppendUvarint(b, uint64(n))
		last := uint32(0)
		for _, u := range list[:n] {
			b = binary.AppendUvarint(b, uint64(u.sequence-last))
			last = u.sequence
		}
		before, list = terminal[:], list[n:]
	}
	return b
}

// pack packs the signed ones after their length, and then the unverified ones.
func (u *uses) pack() []byte {
	signed := packUses(u.signed)
	return append(append(binary.AppendUvarint(nil, uint64(len(signed))), signed...), packUses(u.unverified)...)
}

// sam is one security module: its history, and the numbers that a day's taps used.
type sam struct {
	numbers
	signed, unverified []uint32
}

// modules are the SAMs of a day. A use takes a few bytes for each tap, so all uses of a day fit in
// memory.
type modules map[[6]byte]*sam

func (m modules) of(terminal [6]byte) *sam {
	s := m[terminal]
	if s == nil {
		s = &sam{}
		m[terminal] = s
	}
	return s
}

// use adds packed uses.
func (m modules) use(packed []byte) error {
	r := reader{b: packed}
	signed := r.unsigned()
	if r.err != nil || signed > int64(len(r.b)) {
		return errCut
	}
	unverified := r.b[signed:]
	r.b = r.b[:signed]
	if err := m.add(&r, func(s *sam) *[]uint32 { return &s.signed }); err != nil {
		return err
	}
	return m.add(&reader{b: unverified}, func(s *sam) *[]uint32 { return &s.unverified })
}

func (m modules) add(r *reader, list func(*sam) *[]uint32) error {
	var terminal [6]byte
	for len(r.b) > 0 {
		r.number(terminal[:])
		n := r.unsigned()
		to, last := list(m.of(terminal)), int64(0)
		for range n {
			last += r.unsigned()
			if r.err != nil {
				return r.err
			}
			*to = append(*to, uint32(last))
		}
	}
	return r.err
}

// begin adds packed histories.
func (m modules) begin(packed []byte) error {
	r := reader{b: packed}
	var terminal [6]byte
	for len(r.b) > 0 {
		r.number(terminal[:])
		var n numbers
		r.numbers(&n)
		if r.err != nil {
			return r.err
		}
		m.of(terminal).numbers = n
	}
	return nil
}

// live applies the day's uses to the SAMs. A SAM whose numbers none of our cards has signed has no
// history.
func (m modules) live(unread bool) (findings []Finding) {
	for terminal, s := range m {
		findings = append(findings, s.live(terminal, unread)...)
		if !s.any() {
			delete(m, terminal)
		}
	}
	return findings
}

func (s *sam) live(terminal [6]byte, unread bool) (findings []Finding) {
	slices.Sort(s.signed)
	next, far, last := s.next, s.far, int64(-1)
	for _, sequence := range s.signed {
		v := int64(sequence)
		if s.add(v) == twice && v != last {
			findings = append(findings, Finding{SAMTwice, bytes.Clone(terminal[:]), v, v, 0})
			last = v
		}
	}
	slices.Sort(s.unverified)
	for _, sequence := range s.unverified {
		s.addUnverified(int64(sequence))
	}
	for _, g := range s.report(next, unread) {
		findings = append(findings, Finding{SAMGap, bytes.Clone(terminal[:]), g.first, g.last, 0})
	}
	s.giveUp()
	if s.far != 0 && s.far != far {
		findings = append(findings, Finding{SAMJump, bytes.Clone(terminal[:]), s.far - 1, s.far - 1, 0})
	}
	return findings
}

// pack packs the histories, in rows of no more than limit.
func (m modules) pack(limit int64) (rows []packed) {
	p := packer{limit: limit}
	for _, terminal := range slices.SortedFunc(maps.Keys(m), func(a, b [6]byte) int { return bytes.Compare(a[:], b[:]) }) {
		p.add(terminal[:], func(b, before []byte) []byte {
			return appendNumbers(appendNumber(b, before, terminal[:]), &m[terminal].numbers)
		})
	}
	return p.end(nil)
}
