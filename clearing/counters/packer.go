package counters

import "bytes"

// packed is a row of histories: of the numbers after after up to last.
type packed struct {
	after, last []byte
	items       int64
	bytes       []byte
}

// packer puts histories into rows, in the order of their numbers, with at most limit histories
// each.
type packer struct {
	limit int64
	rows  []packed
	row   packed
}

// add appends one history by calling pack with the number before it in the row.
func (p *packer) add(number []byte, pack func(b, before []byte) []byte) {
	if p.row.items == p.limit {
		p.cut(p.row.last)
	}
	p.row.bytes = pack(p.row.bytes, p.row.last)
	p.row.last = append(p.row.last[:0], number...)
	p.row.items++
}

func (p *packer) cut(last []byte) {
	p.row.last = bytes.Clone(last)
	p.rows = append(p.rows, p.row)
	p.row = packed{after: p.row.last}
}

// end ends the last row; where last is given, it reaches up to there.
func (p *packer) end(last []byte) []packed {
	if last == nil {
		last = p.row.last
	}
	if p.row.items > 0 || len(p.rows) == 0 || !bytes.Equal(last, p.row.after) {
		p.cut(last)
	}
	return p.rows
}
