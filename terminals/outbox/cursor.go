package outbox

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// cursor reads the frames of a log from a position on. It reads only what was
// synced: it stops at the log's next.
type cursor struct {
	log  *Log
	file *os.File
	path string
	salt [8]byte
	at   int64
	size int64
	seq  uint64 // first record of the frame at at
}

// cursorAt returns a cursor at the frame that starts with record seq.
func (l *Log) cursorAt(seq uint64) (*cursor, error) {
	c := &cursor{log: l}
	if err := c.enter(seq); err != nil {
		return nil, err
	}
	for c.seq < seq {
		f, ok, err := c.frame()
		if err == nil && !ok {
			err = &damagedError{File: c.path, Offset: c.at, Reason: fmt.Sprintf("segment ends before record %d", seq)}
		}
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.pass(f)
	}
	if c.seq != seq {
		return nil, errors.Join(&damagedError{File: c.path, Offset: c.at, Reason: fmt.Sprintf("position %d is inside a frame", seq)}, c.close())
	}
	return c, nil
}

// enter opens the segment that holds record seq and stands at its start.
func (c *cursor) enter(seq uint64) error {
	c.log.mu.Lock()
	var s segment
	found := false
	for _, candidate := range c.log.segments {
		if candidate.first <= seq {
			s, found = candidate, true
		}
	}
	c.log.mu.Unlock()
	if !found {
		return &damagedError{File: c.log.dir, Offset: -1, Reason: fmt.Sprintf("no segment holds record %d", seq)}
	}
	if err := c.close(); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	file, err := os.Open(s.path)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	c.file, c.path = file, s.path
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	header := make([]byte, segmentHeader)
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, segmentHeader), header); err != nil {
		return fmt.Errorf("outbox: %s: %w", s.path, err)
	}
	first, salt, err := parseSegmentHeader(header)
	if err != nil || first != s.first {
		return &damagedError{File: s.path, Offset: 0, Reason: "header changed since it was opened"}
	}
	c.salt, c.at, c.size, c.seq = salt, segmentHeader, info.Size(), first
	return nil
}

// frame reads the frame under the cursor; false at the end of the segment. Its
// caller knows that it was synced.
func (c *cursor) frame() (frame, bool, error) {
	var header [frameHeader]byte
	n, err := c.file.ReadAt(header[:], c.at)
	if err != nil && !errors.Is(err, io.EOF) {
		return frame{}, false, fmt.Errorf("outbox: read %s: %w", c.path, err)
	}
	if zero(header[:n]) {
		return frame{}, false, nil
	}
	length := int64(header[4])<<24 | int64(header[5])<<16 | int64(header[6])<<8 | int64(header[7])
	if n < frameHeader || length > maxPayload {
		return frame{}, false, &damagedError{File: c.path, Offset: c.at, Reason: "no frame"}
	}
	b := make([]byte, frameHeader+length)
	if _, err := c.file.ReadAt(b, c.at); err != nil {
		return frame{}, false, &damagedError{File: c.path, Offset: c.at, Reason: err.Error()}
	}
	f, err := parseFrame(c.salt, b)
	if err != nil {
		return frame{}, false, &damagedError{File: c.path, Offset: c.at, Reason: err.Error()}
	}
	if f.first != c.seq {
		return frame{}, false, &damagedError{File: c.path, Offset: c.at, Reason: fmt.Sprintf("frame starts at record %d, want %d", f.first, c.seq)}
	}
	return f, true, nil
}

func (c *cursor) pass(f frame) {
	c.at += int64(frameHeader + len(f.payload))
	c.seq += uint64(f.count)
}

// records returns the next frames' records, about limit bytes of them, up to
// the record durable.
func (c *cursor) records(durable uint64, limit int) ([]Record, error) {
	var out []Record
	for size := 0; c.seq < durable && size < limit; {
		f, ok, err := c.frame()
		if err != nil {
			return nil, err
		}
		if !ok {
			if err := c.enter(c.seq); err != nil {
				return nil, err
			}
			if f, ok, err = c.frame(); err != nil {
				return nil, err
			} else if !ok || f.first != c.seq {
				return nil, &damagedError{File: c.path, Offset: c.at, Reason: fmt.Sprintf("record %d is missing", c.seq)}
			}
		}
		records, _, err := parseRecords(f.payload, f.count)
		if err != nil {
			return nil, &damagedError{File: c.path, Offset: c.at, Reason: err.Error()}
		}
		out = append(out, records...)
		size += len(f.payload)
		c.pass(f)
	}
	return out, nil
}

func (c *cursor) close() error {
	if c.file == nil {
		return nil
	}
	file := c.file
	c.file = nil
	return file.Close()
}
