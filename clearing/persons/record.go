package persons

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"citycard/cardos/keys"
	"citycard/ledger"
)

// Stored is a row of the table of persons.
type Stored struct {
	Import, Line int32
	Since        ledger.Day
	Certificate  Kind
	Status       Status
	Token        Token
	Sealed       []byte
}

// Reject is a line that changed nothing.
type Reject struct {
	Import int32  `json:"import"`
	Line   int32  `json:"line"`
	Reason Reason `json:"reason"`
	Field  string `json:"field"`
	Detail string `json:"detail,omitempty"`
	Sealed []byte `json:"-"`
}

// Wrong is what is wrong with the line.
func (r *Reject) Wrong() *Wrong { return &Wrong{r.Reason, r.Detail} }

// Hash is over everything that the row has.
func (s *Stored) Hash() [sha256.Size]byte {
	b := []byte{'p'}
	for _, n := range []int32{s.Import, s.Line, int32(s.Since), int32(s.Certificate), int32(s.Status)} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	return sha256.Sum256(appendText(appendText(b, s.Token[:]), s.Sealed))
}

// Hash is over everything that the row has.
func (r *Reject) Hash() [sha256.Size]byte {
	b := []byte{'r'}
	b = binary.BigEndian.AppendUint32(b, uint32(r.Import))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Line))
	for _, text := range []string{string(r.Reason), r.Field, r.Detail} {
		b = appendText(b, []byte(text))
	}
	return sha256.Sum256(appendText(b, r.Sealed))
}

func appendText(b, text []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(text))), text...)
}

// Mark is of a row that a part has.
type Mark struct {
	Line  int64
	Short [8]byte // of its hash
}

const markSize = 4 + 8

// Digest gathers the rows of a part, in the order of their lines.
type Digest struct {
	Import, First int64 // the part's first line
	rows          []byte
	marks         []byte
}

// Add adds a row.
func (d *Digest) Add(line int64, hash [sha256.Size]byte) {
	d.rows = append(d.rows, hash[:]...)
	d.marks = append(binary.BigEndian.AppendUint32(d.marks, uint32(line-d.First)), hash[:8]...)
}

// Marks are those of the rows.
func (d *Digest) Marks() []byte { return append([]byte{}, d.marks...) }

// Sum is over the part: its place in its roster, and its rows.
func (d *Digest) Sum(next int64) [sha256.Size]byte {
	var b []byte
	for _, n := range []int64{d.Import, d.First, next} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return sha256.Sum256(append(b, d.rows...))
}

// ReadMarks gives the marks of a part.
func ReadMarks(first int64, marks []byte) ([]Mark, error) {
	if len(marks)%markSize != 0 {
		return nil, fmt.Errorf("marks of %d bytes, want a multiple of %d", len(marks), markSize)
	}
	list := make([]Mark, 0, len(marks)/markSize)
	for ; len(marks) > 0; marks = marks[markSize:] {
		list = append(list, Mark{first + int64(binary.BigEndian.Uint32(marks)), [8]byte(marks[4:markSize])})
	}
	return list, nil
}

// Head is the head of an import after another part.
func Head(before, part [sha256.Size]byte) [sha256.Size]byte {
	return sha256.Sum256(append(before[:], part[:]...))
}

// identity is what is encrypted of a person.
type identity struct {
	number, name string
	born         ledger.Day // 0 if the number states it, or nobody said
}

// place is with what a line that was refused opens.
func place(number int32, line int64) []byte {
	b := binary.BigEndian.AppendUint32([]byte("line"), uint32(number))
	return binary.BigEndian.AppendUint64(b, uint64(line))
}

// seal encrypts an identity.
func (i *identity) seal(data *keys.PersonData, token Token) []byte {
	b := append([]byte{byte(len(i.number))}, i.number...)
	b = binary.BigEndian.AppendUint32(b, uint32(i.born))
	return data.Seal(append(b, i.name...), token[:])
}

// open decrypts what seal made.
func open(data *keys.PersonData, token Token, sealed []byte) (i identity, err error) {
	text, err := data.Open(sealed, token[:])
	if err != nil {
		return i, fmt.Errorf("person %x…: %w", token[:prefix], err)
	}
	n := int(text[0])
	i.number = string(text[1 : 1+n])
	i.born = ledger.Day(binary.BigEndian.Uint32(text[1+n:]))
	i.name = string(text[1+n+4:])
	return i, nil
}

// prefix is how many bytes of a token are shown where it says which person is meant.
const prefix = 4
