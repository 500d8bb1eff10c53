package truth

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// spillBytes is how much of a piece waits in memory.
const spillBytes = 32 << 10

// spill is a collection of items, in memory and, if it is large, in a file. An item is
// its length (unsigned varint), a byte for its kind, and its fields: numbers as
// varints, texts after their length. The format is used only within one run of the program.
type spill struct {
	path     string
	file     bool // something is in the file
	buffered encoder
}

func (s *spill) flush() (err error) {
	file, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("truth: comparison: %w", err)
	}
	if _, err = file.Write(s.buffered.b); err == nil {
		s.file, s.buffered.b = true, s.buffered.b[:0]
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("truth: comparison: %w", err)
	}
	return nil
}

// each calls fn for every item.
func (s *spill) each(fn func(*decoder)) (err error) {
	var in io.Reader = bytes.NewReader(s.buffered.b)
	if s.file {
		file, openErr := os.Open(s.path)
		if openErr != nil {
			return fmt.Errorf("truth: comparison: %w", openErr)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		in = io.MultiReader(file, in)
	}
	r := bufio.NewReaderSize(in, 1<<16)
	var item []byte
	for {
		n, err := binary.ReadUvarint(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("truth: comparison: %s: %w", s.path, err)
		}
		item = append(item[:0], make([]byte, n)...)
		if _, err := io.ReadFull(r, item); err != nil {
			return fmt.Errorf("truth: comparison: %s: %w", s.path, err)
		}
		d := decoder{b: item}
		if fn(&d); d.short {
			return fmt.Errorf("truth: comparison: %s: an item is cut short", s.path)
		}
	}
}

// Kinds of items.
const (
	kindRecord byte = iota + 1
	kindRow
	kindMemo
	kindPurse
)

type encoder struct {
	b    []byte
	item []byte
}

func (e *encoder) begin(kind byte) { e.item = append(e.item[:0], kind) }

func (e *encoder) end() {
	e.b = append(binary.AppendUvarint(e.b, uint64(len(e.item))), e.item...)
}

func (e *encoder) number(n int64) { e.item = binary.AppendVarint(e.item, n) }

func (e *encoder) texts(list ...string) {
	for _, s := range list {
		e.item = append(binary.AppendUvarint(e.item, uint64(len(s))), s...)
	}
}

func (e *encoder) key(k *Key) {
	e.number(int64(k.Day))
	e.texts(k.Subject, k.ID)
}

func (e *encoder) record(r *Record) {
	e.begin(kindRecord)
	k := r.Key()
	e.key(&k)
	e.number(r.Fen)
	e.texts(r.Topic, r.Verdict, r.Reason, r.Purpose, r.Payee, r.SHA256, r.Line)
	if r.Also != nil {
		e.number(r.Also.Fen)
		e.texts(r.Also.Purpose, r.Also.ID)
	}
	e.end()
}

func (e *encoder) row(r *Row) {
	e.begin(kindRow)
	e.key(&r.Key)
	e.number(r.Fen)
	e.texts(r.Credit)
	e.end()
}

func (e *encoder) memo(m *Memo) {
	e.begin(kindMemo)
	e.texts(m.Topic, m.Verdict, m.Reason, m.Subject, m.SHA256)
	e.end()
}

func (e *encoder) purse(p *Purse) {
	e.begin(kindPurse)
	e.number(p.Fen)
	e.number(p.Unbooked)
	e.texts(p.Card)
	e.end()
}

// decoder reads one item. A missing field reads as zero and sets short.
type decoder struct {
	b     []byte
	short bool
}

func (d *decoder) kind() byte {
	if len(d.b) == 0 {
		d.short = true
		return 0
	}
	kind := d.b[0]
	d.b = d.b[1:]
	return kind
}

func (d *decoder) number() int64 {
	n, used := binary.Varint(d.b)
	if used <= 0 {
		d.short = true
		return 0
	}
	d.b = d.b[used:]
	return n
}

func (d *decoder) text() string {
	n, used := binary.Uvarint(d.b)
	if used <= 0 || n > uint64(len(d.b)-used) {
		d.short = true
		return ""
	}
	s := string(d.b[used : used+int(n)])
	d.b = d.b[used+int(n):]
	return s
}

func (d *decoder) key() Key {
	k := Key{Day: int(d.number())}
	k.Subject, k.ID = d.text(), d.text()
	return k
}

func (d *decoder) record() Record {
	k := d.key()
	r := Record{Day: k.Day, Subject: k.Subject, ID: k.ID, Fen: d.number()}
	for _, s := range []*string{&r.Topic, &r.Verdict, &r.Reason, &r.Purpose, &r.Payee, &r.SHA256, &r.Line} {
		*s = d.text()
	}
	if len(d.b) > 0 {
		r.Also = &Also{Fen: d.number()}
		r.Also.Purpose, r.Also.ID = d.text(), d.text()
	}
	return r
}

func (d *decoder) row() Row {
	r := Row{Key: d.key(), Fen: d.number()}
	r.Credit = d.text()
	return r
}

func (d *decoder) memo() Memo {
	var m Memo
	for _, s := range []*string{&m.Topic, &m.Verdict, &m.Reason, &m.Subject, &m.SHA256} {
		*s = d.text()
	}
	return m
}

func (d *decoder) purse() Purse {
	p := Purse{Fen: d.number(), Unbooked: d.number()}
	p.Card = d.text()
	return p
}
