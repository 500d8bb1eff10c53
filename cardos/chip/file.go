package chip

import "citycard/cardos/ssc"

// structure of an elementary file.
type structure byte

const (
	transparent structure = iota
	linear                // linear fixed: records of size bytes
	cyclic                // records of size bytes, newest first
	tagged                // linear variable: tag1 length1 value, by tag or number
	variable              // linear variable: records of up to size bytes
)

// condition guards reading or updating a file.
type condition byte

const (
	free       condition = iota
	closed               // never by this command
	sealed               // with secure messaging
	privately            // reading: on cards of version 3 as keyed
	keyed                // after authentication with the key for reading, or for writing
	either               // after that or the holder's PIN
	both                 // after that and the holder's PIN
	identified           // after authentication with the identity key
	witnessed            // after external authentication of the issuer, or sealed
)

// file is an elementary file. Records that were never written are nil and cost
// nothing; they read as zeros, but in a linear variable file as absent.
type file struct {
	id           uint16
	sfi          byte
	structure    structure
	size         int // of the file, or of a record
	read, update condition
	composite    bool         // UPDATE CAPP may write it
	lists        bool         // the directories below its own
	columns      []ssc.Column // tagged: the layout of each record
	records      [][]byte
	newest       int // cyclic: index of record 1
}

func newFile(id uint16, s structure, records, size int) *file {
	return &file{id: id, sfi: byte(id & 0x1F), structure: s, size: size, records: make([][]byte, records)}
}

// guarded sets the conditions.
func (f *file) guarded(read, update condition) *file {
	f.read, f.update = read, update
	return f
}

// record returns record number 1.. as it reads, and false where the file has no
// such record. The bytes are the file's own: callers copy.
func (f *file) record(number int) ([]byte, bool) {
	if number < 1 || number > len(f.records) {
		return nil, false
	}
	b := f.records[f.slot(number)]
	if b == nil && !f.structure.ownLength() {
		b = make([]byte, f.size)
	}
	return b, b != nil
}

// slot is the index of record number 1...
func (f *file) slot(number int) int {
	if f.structure == cyclic {
		return (f.newest + number - 1) % len(f.records)
	}
	return number - 1
}

// find returns the number of the record with a tag, or 0.
func (f *file) find(tag byte) int {
	for i, c := range f.columns {
		if byte(c.Tag) == tag {
			return i + 1
		}
	}
	return 0
}

// tag is the tag of record number 1.., or 0.
func (f *file) tag(number int) byte {
	if number < 1 || number > len(f.columns) {
		return 0
	}
	return byte(f.columns[number-1].Tag)
}

// ownLength reports whether each record has its own length, and none before it is
// written.
func (s structure) ownLength() bool { return s == tagged || s == variable }

// fits reports whether data can be the new content of a record.
func (f *file) fits(data []byte) bool {
	if f.structure.ownLength() || f.structure == linear {
		return len(data) > 0 && len(data) <= f.size
	}
	return len(data) == f.size
}

// apply makes a staged update permanent; it cannot fail.
func (f *file) apply(u update) {
	slot := u.slot
	if slot < 0 {
		slot = (f.newest + len(f.records) - 1) % len(f.records)
		f.newest = slot
	}
	switch {
	case f.structure.ownLength():
		f.records[slot] = append([]byte(nil), u.data...)
	case f.records[slot] == nil:
		f.records[slot] = make([]byte, f.size)
		copy(f.records[slot], u.data)
	default:
		n := copy(f.records[slot], u.data)
		clear(f.records[slot][n:])
	}
}

// binary returns the content of a transparent file.
func (f *file) binary() []byte {
	b, _ := f.record(1)
	return b
}
