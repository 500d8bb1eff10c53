package counters

import (
	"encoding/binary"
	"errors"
	"fmt"

	"citycard/clearing/identity"
)

// A part's histories are packed in the order of their numbers. Layout, all integers
// as varints of package encoding/binary:
//
//	number     1 byte: how many leading bytes are those of the number before; the rest
//	numbers    first; next - first; how many gaps, twice, plus one where some were not
//	           reported yet, and then next less the number from which on they were not;
//	           each gap: its first number less the
//	           end of the one before (at the beginning: first), its length; the number
//	           far away plus one; how many loose numbers; each less the one before (at
//	           the beginning: next)
//
// A card has, after its number: the numbers of its taps, those of its loads, the shadow
// balance (signed), the time of the last reading as the number YYYYMMDDhhmmss (0: none),
// and where there is one the reading's counter, kind (1 load, 2 tap), balance, and the
// difference last found (both signed).
//
// A SAM has the numbers of its sequence.

// errCut says that packed histories end in the middle.
var errCut = errors.New("packed histories are cut short")

// appendNumber appends key, of which the first bytes may be those of before.
func appendNumber(b, before, key []byte) []byte {
	shared := 0
	for shared < len(before) && shared < len(key) && before[shared] == key[shared] {
		shared++
	}
	return append(append(b, byte(shared)), key[shared:]...)
}

func appendNumbers(b []byte, n *numbers) []byte {
	b = binary.AppendUvarint(b, uint64(n.first))
	b = binary.AppendUvarint(b, uint64(n.next-n.first))
	if n.held == 0 {
		b = binary.AppendUvarint(b, uint64(len(n.gaps))<<1)
	} else {
		b = binary.AppendUvarint(b, uint64(len(n.gaps))<<1|1)
		b = binary.AppendUvarint(b, uint64(n.next-(n.held-1)))
	}
	from := n.first
	for _, g := range n.gaps {
		b = binary.AppendUvarint(b, uint64(g.first-from))
		b = binary.AppendUvarint(b, uint64(g.last-g.first+1))
		from = g.last + 1
	}
	b = binary.AppendUvarint(b, uint64(n.far))
	b = binary.AppendUvarint(b, uint64(len(n.loose)))
	from = n.next
	for _, v := range n.loose {
		b = binary.AppendUvarint(b, uint64(v-from))
		from = v
	}
	return b
}

// reader unpacks; its first error stays.
type reader struct {
	b   []byte
	err error
}

func (r *reader) unsigned() int64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || v > 1<<62 {
		return r.fail()
	}
	r.b = r.b[n:]
	return int64(v)
}

func (r *reader) signed() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		return r.fail()
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) fail() int64 {
	if r.err == nil {
		r.err = errCut
	}
	r.b = nil
	return 0
}

// number reads into key, which holds the number before.
func (r *reader) number(key []byte) {
	if len(r.b) == 0 {
		r.fail()
		return
	}
	shared := int(r.b[0])
	if shared > len(key) || len(r.b) < 1+len(key)-shared {
		r.fail()
		return
	}
	r.b = r.b[1+copy(key[shared:], r.b[1:]):]
}

// numbers reads into n, whose room is used again.
func (r *reader) numbers(n *numbers) {
	n.first = r.unsigned()
	n.next = n.first + r.unsigned()
	n.gaps, n.loose = n.gaps[:0], n.loose[:0]
	from := n.first
	gaps := r.count(heldLimit<<1 | 1)
	n.held = 0
	if gaps&1 != 0 {
		n.held = n.next - r.unsigned() + 1
	}
	for range gaps >> 1 {
		first := from + r.unsigned()
		last := first + r.unsigned() - 1
		n.gaps = append(n.gaps, run{first, last})
		from = last + 1
	}
	n.far = r.unsigned()
	from = n.next
	for range r.count(looseLimit) {
		from += r.unsigned()
		n.loose = append(n.loose, from)
	}
}

// count reads how many of something follow.
func (r *reader) count(limit int64) int64 {
	n := r.unsigned()
	if n > limit {
		r.err = fmt.Errorf("%d numbers in packed histories where at most %d are kept", n, limit)
		r.b = nil
		return 0
	}
	return n
}

// card is what is known of one card.
type card struct {
	number       identity.Card
	taps, loads  numbers
	shadow       int64 // fen
	reading      reading
	difference   int64 // reading less shadow, as last found
	balanceKnown bool  // there was a reading
}

// reading is the balance of a card as a terminal read it. Of two the later one counts.
type reading struct {
	time    int64 // YYYYMMDDhhmmss
	kind    source
	counter int64
	balance int64 // fen
}

type source byte

const (
	fromLoad source = 1 // of one second, a load is taken to be before a tap
	fromTap  source = 2
)

func (c *card) append(b, before []byte) []byte {
	b = appendNumber(b, before, c.number[:])
	b = appendNumbers(b, &c.taps)
	b = appendNumbers(b, &c.loads)
	b = binary.AppendVarint(b, c.shadow)
	if !c.balanceKnown {
		return binary.AppendUvarint(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(c.reading.time))
	b = binary.AppendUvarint(b, uint64(c.reading.counter))
	b = append(b, byte(c.reading.kind))
	b = binary.AppendVarint(b, c.reading.balance)
	return binary.AppendVarint(b, c.difference)
}

// card reads the next card into c, which holds the one before.
func (r *reader) card(c *card) {
	r.number(c.number[:])
	r.numbers(&c.taps)
	r.numbers(&c.loads)
	c.shadow = r.signed()
	c.reading, c.difference = reading{time: r.unsigned()}, 0
	if c.balanceKnown = c.reading.time != 0; !c.balanceKnown {
		return
	}
	c.reading.counter = r.unsigned()
	if len(r.b) == 0 {
		r.fail()
		return
	}
	c.reading.kind, r.b = source(r.b[0]), r.b[1:]
	c.reading.balance = r.signed()
	c.difference = r.signed()
}
