package outbox

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"citycard/durable"
	"citycard/language"
)

// An export is one file of records that wait, to be carried to another machine:
//
//	offset  size
//	0       8     "CITYEXP1"
//	8       4     n, the size of the head, big-endian
//	12      n     the head, an object of JSON: lane, made, first, records
//	12+n          the records: size of topic 1, of key 2, of value 4, topic, key, value
//	end-32  32    SHA-256 of everything before
//
// The layout is our own. Keys are card numbers, so the file is its owner's alone (mode 0600).
const exportMagic = "CITYEXP1"

// maxHead bounds the head of an export, in bytes.
const maxHead = 64 << 10

// Head says what an export is.
type Head struct {
	Lane    string    `json:"lane"`
	Made    time.Time `json:"made"`
	First   uint64    `json:"first"`   // sequence of the first record in the outbox
	Records uint64    `json:"records"` // how many there are
}

// Look reads what waits in the outbox of a directory, without changing anything and beside a
// program that has it open. each may be nil. It returns the state as far as the records are on the
// disk. If records are sent and removed meanwhile, it fails; then read again.
func Look(dir string, each func(Record) error) (Status, error) {
	position, saved, err := loadPosition(dir)
	if err != nil {
		return Status{}, err
	}
	if _, err := os.Stat(dir); err != nil {
		return Status{}, fmt.Errorf("outbox: %w", err)
	}
	segments, err := listSegments(dir)
	if err != nil {
		return Status{}, err
	}
	s := Status{Position: position, Segments: len(segments)}
	if len(segments) == 0 {
		return s, nil
	}
	if !saved {
		s.Position = segments[0].first
	}
	s.Next = segments[0].first
	for i, segment := range segments {
		if i+1 < len(segments) && segments[i+1].first <= s.Position {
			s.Next = segments[i+1].first
			continue // all of it has been sent
		}
		if err := readSegment(segment.path, i == len(segments)-1, &s, each); err != nil {
			return s, err
		}
	}
	return s, nil
}

// readSegment reads the frames of a segment. The last one may end in a write that is under way.
func readSegment(path string, last bool, s *Status, each func(Record) error) error {
	scan, err := scanSegment(path, last)
	if err != nil {
		return err
	}
	if scan.first != s.Next {
		return &damagedError{File: path, Offset: -1, Reason: fmt.Sprintf("starts at record %d, the segment before ends at %d", scan.first, s.Next)}
	}
	if each != nil {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("outbox: %w", err)
		}
		for at, next := int64(segmentHeader), scan.first; at < scan.end; {
			f, err := parseFrame(scan.salt, content[at:])
			if err != nil {
				return &damagedError{File: path, Offset: at, Reason: err.Error()}
			}
			records, _, err := parseRecords(f.payload, f.count)
			if err != nil {
				return &damagedError{File: path, Offset: at, Reason: err.Error()}
			}
			for i, r := range records {
				if next+uint64(i) < s.Position {
					continue
				}
				if err := each(r); err != nil {
					return err
				}
			}
			next += uint64(f.count)
			at += int64(frameHeader + len(f.payload))
		}
	}
	s.Next = scan.next
	return nil
}

// Standing reads the local records that stand in the outbox of a directory, as Look does the rest.
func Standing(dir string) ([]Local, error) {
	segments, err := listSegments(dir)
	if err != nil || len(segments) == 0 {
		return nil, err
	}
	s, err := scanSegment(segments[len(segments)-1].path, true)
	return s.local, err
}

// Export writes what waits in the outbox of a directory, and then more records of its caller, into
// a new file. The outbox stays as it is, and its lane sends the records too once it can: who
// receives them twice counts them once, by what the card has signed.
func Export(dir, lane, path string, made time.Time, more ...Record) (Head, error) {
	status, err := Look(dir, nil)
	if err != nil {
		return Head{}, err
	}
	head := Head{Lane: lane, Made: made.UTC(), First: status.Position, Records: status.Waiting() + uint64(len(more))}
	return head, durable.WriteNew(path, func(out io.Writer) error { return write(out, dir, head, more) })
}

// write writes the head, the records and the sum.
func write(f io.Writer, dir string, head Head, more []Record) error {
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(f, sum), 1<<20)
	begin := append([]byte(exportMagic), binary.BigEndian.AppendUint32(nil, uint32(len(text)))...)
	if _, err := out.Write(append(begin, text...)); err != nil {
		return err
	}
	var written uint64
	waiting := head.Records - uint64(len(more))
	var buffer []byte
	status, err := Look(dir, func(r Record) error {
		if written == waiting {
			return nil // it came after the head was written
		}
		written++
		buffer = appendRecord(buffer[:0], r)
		_, err := out.Write(buffer)
		return err
	})
	if err == nil && (status.Position != head.First || written != waiting) {
		err = language.Textf("records were sent meanwhile: the lane forwards them itself; export again if some still wait")
	}
	for _, r := range more {
		if _, failed := out.Write(appendRecord(nil, r)); failed != nil && err == nil {
			err = failed
		}
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return err
	}
	_, err = f.Write(sum.Sum(nil))
	return err
}

// Import reads an export: first the whole of it, to check its sum, and then record by record. A
// file with one wrong byte gives no record.
func Import(path string, each func(Record) error) (Head, error) {
	f, err := os.Open(path)
	if err != nil {
		return Head{}, fmt.Errorf("outbox: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	size, err := checkSum(f)
	if err != nil {
		return Head{}, fmt.Errorf("%s: %w", path, err)
	}
	in := bufio.NewReaderSize(io.NewSectionReader(f, 0, size), 1<<20)
	head, err := readHead(in)
	if err != nil {
		return head, fmt.Errorf("%s: %w", path, err)
	}
	for n := range head.Records {
		r, err := readRecord(in)
		if err != nil {
			return head, fmt.Errorf("%s: record %d of %d: %w", path, n+1, head.Records, err)
		}
		if err := each(r); err != nil {
			return head, err
		}
	}
	if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
		return head, fmt.Errorf("%s: more follows after its %d records", path, head.Records)
	}
	return head, nil
}

var errNoExport = language.Textf("not an export of an outbox, or not the whole of it: export again, and compare the sizes of the files")

// checkSum returns the size without the sum.
func checkSum(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size() - sha256.Size
	if size < int64(len(exportMagic)) || !info.Mode().IsRegular() {
		return 0, errNoExport
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, size)); err != nil {
		return 0, err
	}
	stored := make([]byte, sha256.Size)
	if _, err := f.ReadAt(stored, size); err != nil {
		return 0, err
	}
	if !bytes.Equal(stored, sum.Sum(nil)) {
		return 0, errNoExport
	}
	return size, nil
}

func readHead(in io.Reader) (head Head, err error) {
	var begin [12]byte
	if _, err := io.ReadFull(in, begin[:]); err != nil || string(begin[:8]) != exportMagic {
		return head, errNoExport
	}
	size := binary.BigEndian.Uint32(begin[8:])
	if size > maxHead {
		return head, errNoExport
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(in, text); err != nil {
		return head, errNoExport
	}
	return head, json.Unmarshal(text, &head)
}

func readRecord(in io.Reader) (Record, error) {
	header := make([]byte, recordHeader)
	if _, err := io.ReadFull(in, header); err != nil {
		return Record{}, err
	}
	topic, key, value := int(header[0]), int(binary.BigEndian.Uint16(header[1:])), int(binary.BigEndian.Uint32(header[3:]))
	if topic > maxTopic || key > maxKey || value > maxValue {
		return Record{}, fmt.Errorf("a topic of %d, a key of %d and a value of %d bytes are too long", topic, key, value)
	}
	b := make([]byte, topic+key+value)
	if _, err := io.ReadFull(in, b); err != nil {
		return Record{}, err
	}
	r := Record{Topic: string(b[:topic]), Key: b[topic : topic+key], Value: orNone(b[topic+key:])}
	return r, r.validate()
}
