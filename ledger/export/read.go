package export

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"slices"

	"citycard/ledger/chain"

	"golang.org/x/sync/errgroup"
)

// ErrFormat means that the input is not an export, or not a complete one.
var ErrFormat = errors.New("not a whole export")

const (
	// maxFrame bounds a frame with its length. The largest is a link with its note in base64. A
	// note of clearing's has at most two marks and a line of its tally, 250 bytes, for each of
	// 4,000 records: 1.3 MB. The limit is ten times that. Evidence of a row is at most 64 kB.
	maxFrame = 1 << 24
	// blockBytes is about how much is decoded at once, blockLines how many lines at most. A true
	// line has 64 bytes or more; what is decoded takes much more memory than a short one.
	blockBytes = 1 << 18
	blockLines = blockBytes / 64
)

// endsWith is how the last frame begins.
var endsWith = []byte(`{"end":`)

// Read calls fn for each line but the last, in their order, on the caller's goroutine. Lines are
// decoded, and the bytes of rows hashed, on all processors, some of them ahead. The error wraps
// ErrFormat, with the line's number, when r is not a complete export; fn may have been called for
// lines before that.
func Read(r io.Reader, fn func(*Line) error) error {
	ordered, stop := make(chan *block, 2*runtime.GOMAXPROCS(0)), make(chan struct{})
	in := newInput(r)
	var decoders errgroup.Group
	decoders.SetLimit(runtime.GOMAXPROCS(0))
	cut := make(chan error, 1)
	go func() {
		defer close(ordered)
		cut <- in.blocks(func(b *block) bool {
			select {
			case ordered <- b:
			case <-stop:
				return false
			}
			decoders.Go(func() error {
				b.decode(in.version)
				close(b.done)
				return nil
			})
			return true
		})
	}()
	var err error
	seen := order{version: in.version}
	for b := range ordered {
		if <-b.done; err != nil {
			continue
		}
		if err = b.hand(&seen, fn); err != nil {
			close(stop)
		}
	}
	return errors.Join(err, <-cut)
}

// block is some frames that follow each other, and what they say.
type block struct {
	first  int64 // its number
	data   []byte
	ends   []int // of the frames in data
	lines  []Line
	failed error // of the line after the last
	done   chan struct{}
}

func newBlock(first int64) *block {
	return &block{first: first, data: make([]byte, 0, blockBytes+blockBytes/8), done: make(chan struct{})}
}

// decode reads lines until one fails.
func (b *block) decode(version int) {
	b.lines = make([]Line, len(b.ends))
	rows := make([]chain.Row, len(b.ends))
	from := 0
	for i, to := range b.ends {
		if err := b.lines[i].decode(version, b.data[from:to:to], &rows[i]); err != nil {
			b.lines, b.failed = b.lines[:i], fmt.Errorf("%w: line %d: %w", ErrFormat, b.first+int64(i), err)
			return
		}
		from = to
	}
}

// order is what the lines so far say of those to come.
type order struct {
	version int
	part    string
	last    int // rank of the last line
}

// takes refuses a line that must not come next.
func (o *order) takes(line *Line, number int64) error {
	if number == 1 && line.Export != nil && line.Export.Version < TextVersion {
		return fmt.Errorf("%w: it has version %d, whose audit has no signatures; export the books again with this program", ErrFormat, line.Export.Version)
	}
	if (number == 1) != (line.Export != nil) || line.Export != nil && line.Export.Version != o.version {
		return fmt.Errorf("%w: line %d: expected the header of version %d first, and only first", ErrFormat, number, o.version)
	}
	if line.Export != nil {
		o.part = line.Export.Part
	}
	rank := line.rank()
	if rank < o.last {
		return fmt.Errorf("%w: line %d: its kind comes before that of the line before it", ErrFormat, number)
	}
	o.last = rank
	if !line.partOf(o.part) {
		return fmt.Errorf("%w: line %d: its kind is not in the part %q of the books", ErrFormat, number, o.part)
	}
	return nil
}

// hand hands the lines on, if they may come next.
func (b *block) hand(seen *order, fn func(*Line) error) error {
	for i := range b.lines {
		line := &b.lines[i]
		if err := seen.takes(line, b.first+int64(i)); err != nil {
			return err
		}
		if err := fn(line); err != nil {
			return err
		}
	}
	return b.failed
}

// decode reads one frame. A row of a frame begins with the zero byte of a leaf, all else is JSON.
func (l *Line) decode(version int, frame []byte, row *chain.Row) (err error) {
	if version == Version && len(frame) > len(l.Content) && frame[0] == 0 {
		canonical := frame[:len(frame)-len(l.Content)]
		*row, err = chain.ParseRow(canonical)
		copy(row.Hash[:], frame[len(canonical):])
		l.Row, l.Content = row, sha256.Sum256(canonical)
		return err
	}
	if err = l.parse(frame); err != nil {
		return err
	}
	switch {
	case l.End != nil:
		return errors.New("the end, before the last line")
	case l.Row != nil && version == Version:
		return errors.New("a row as JSON")
	case l.Row != nil:
		l.Content = l.Row.ContentHash()
	}
	return nil
}

// errMember means that JSON is no line.
var errMember = errors.New("expected one object with one member that is not null")

// parse reads a line's JSON. It takes the member's name from the text: a Decoder alone would take
// several members, of those with one name the last, and names in capitals.
func (l *Line) parse(text []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	var tokens [2]json.Token
	for i := range tokens {
		var err error
		if tokens[i], err = decoder.Token(); err != nil {
			return errors.Join(errMember, err)
		}
	}
	name, named := tokens[1].(string)
	if tokens[0] != json.Delim('{') || !named {
		return errMember
	}
	member := l.member(name)
	if member == nil {
		return fmt.Errorf("the kind %q is unknown", name)
	}
	if err := decoder.Decode(member); err != nil {
		return err
	}
	if end, err := decoder.Token(); err != nil || end != json.Delim('}') || l.rank() == 0 {
		return errors.Join(errMember, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.Join(errMember, err)
	}
	return nil
}

// input cuts an export into frames.
type input struct {
	in      *bufio.Reader
	version int
	sum     hash.Hash
	frame   []byte
	number  int64 // of the last frame
}

// newInput tells the version by the first byte: Version begins with the length of a frame.
func newInput(r io.Reader) *input {
	in := &input{in: bufio.NewReaderSize(r, 1<<18), version: Version, sum: sha256.New()}
	if first, err := in.in.Peek(1); err == nil && first[0] != 0 {
		in.version = TextVersion
	}
	return in
}

// next returns the next frame: what of it is hashed, and where its content lies in that. Both are
// good until the next call.
func (in *input) next() (raw, content []byte, err error) {
	in.number++
	if in.version == TextVersion {
		return in.nextLine()
	}
	head, err := in.in.Peek(4)
	if err != nil {
		return nil, nil, cutShort(err, len(head))
	}
	size := 4 + int64(binary.BigEndian.Uint32(head))
	if size > maxFrame {
		return nil, nil, tooLong(size)
	}
	in.frame = slices.Grow(in.frame[:0], int(size))[:size]
	_, err = io.ReadFull(in.in, in.frame)
	return in.frame, in.frame[4:], err
}

// nextLine is next for TextVersion.
func (in *input) nextLine() (raw, content []byte, err error) {
	for in.frame = in.frame[:0]; ; {
		var part []byte
		part, err = in.in.ReadSlice('\n')
		if in.frame = append(in.frame, part...); len(in.frame) > maxFrame {
			return nil, nil, tooLong(int64(len(in.frame)))
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	if len(in.frame) > 0 && errors.Is(err, io.EOF) {
		err = nil // as many a program leaves the last line
	}
	return in.frame, bytes.TrimSuffix(in.frame, []byte{'\n'}), err
}

func tooLong(size int64) error {
	return fmt.Errorf("a line of %d bytes or more, expected at most %d", size, maxFrame)
}

// cutShort tells an end inside a frame from one between two.
func cutShort(err error, read int) error {
	if errors.Is(err, io.EOF) && read > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// blocks hands on all frames but the last, which must tell their number and hash.
func (in *input) blocks(hand func(*block) bool) error {
	b := newBlock(1)
	for {
		raw, content, err := in.next()
		if err != nil || bytes.HasPrefix(content, endsWith) {
			if len(b.ends) > 0 && !hand(b) {
				return nil
			}
			switch {
			case errors.Is(err, io.EOF):
				return fmt.Errorf("%w: it is cut short after %d lines", ErrFormat, in.number-1)
			case err != nil:
				return fmt.Errorf("%w: line %d: %w", ErrFormat, in.number, err)
			}
			return in.end(content)
		}
		in.sum.Write(raw)
		b.data = append(b.data, content...)
		b.ends = append(b.ends, len(b.data))
		if len(b.data) >= blockBytes || len(b.ends) == blockLines {
			if !hand(b) {
				return nil
			}
			b = newBlock(in.number + 1)
		}
	}
}

// end compares the last frame with those before it.
func (in *input) end(content []byte) error {
	var line Line
	if err := line.parse(content); err != nil || line.End == nil {
		return fmt.Errorf("%w: line %d: %w", ErrFormat, in.number, errors.Join(err, errors.New("expected the end")))
	}
	if want := (End{in.number - 1, chain.Hash(in.sum.Sum(nil))}); *line.End != want {
		return fmt.Errorf("%w: it ends with %d lines of hash %x, expected %d of %x", ErrFormat, want.Lines, want.Hash, line.End.Lines, line.End.Hash)
	}
	if _, err := in.in.Peek(1); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: line %d: there is more after the end", ErrFormat, in.number+1)
	}
	return nil
}
