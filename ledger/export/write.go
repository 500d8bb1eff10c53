package export

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"io"

	"citycard/ledger"
	"citycard/ledger/chain"
)

// Writer writes lines as frames, and numbers and hashes them.
type Writer struct {
	out    *bufio.Writer
	text   bool // TextVersion
	sum    hash.Hash
	frames int64
	frame  []byte
}

// NewWriter begins an export to w.
func NewWriter(w io.Writer, dialect string) (*Writer, error) {
	return newWriter(w, &Header{Version: Version, Dialect: dialect})
}

func newWriter(w io.Writer, header *Header) (*Writer, error) {
	x := &Writer{out: bufio.NewWriterSize(w, 1<<18), text: header.Version == TextVersion, sum: sha256.New()}
	return x, x.Line(&Line{Export: header})
}

// Line writes a line.
func (x *Writer) Line(line *Line) error {
	b := x.frame[:0]
	if !x.text {
		b = append(b, 0, 0, 0, 0)
	}
	if line.Row != nil && !x.text {
		b = append(line.Row.AppendCanonical(b), line.Row.Hash[:]...)
	} else {
		data, err := json.Marshal(line)
		if err != nil {
			return err
		}
		b = append(b, data...)
	}
	if x.text {
		b = append(b, '\n')
	}
	if x.frame = b; len(b) > maxFrame {
		return tooLong(int64(len(b)))
	}
	if !x.text {
		binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	}
	x.sum.Write(b)
	x.frames++
	_, err := x.out.Write(b)
	return err
}

// End ends the export.
func (x *Writer) End() error {
	if err := x.Line(&Line{End: &End{x.frames, chain.Hash(x.sum.Sum(nil))}}); err != nil {
		return err
	}
	return x.out.Flush()
}

// Write exports the books of l to w.
func Write(ctx context.Context, l *ledger.Ledger, w io.Writer) error {
	return write(ctx, l, w, &Header{Version: Version})
}

// WriteAudit exports the audit alone, as text.
func WriteAudit(ctx context.Context, l *ledger.Ledger, w io.Writer) error {
	return write(ctx, l, w, &Header{Version: TextVersion, Part: PartAudit})
}

func write(ctx context.Context, l *ledger.Ledger, w io.Writer, header *Header) error {
	header.Dialect = l.Dialect().String()
	x, err := newWriter(w, header)
	if err == nil {
		err = l.View(ctx, func(v *ledger.View) error { return part(ctx, v, header.Part, x.Line) })
	}
	if err == nil {
		err = x.End()
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}
