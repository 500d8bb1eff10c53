package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
)

const (
	segmentMagic  = "CITYBOX1"
	segmentHeader = 32
	frameMagic    = "FRM1"
	frameHeader   = 24
	// maxPayload bounds one frame, and so the memory a reader needs.
	maxPayload = 2 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// frame is one group of records that was synced together; a mark has none.
type frame struct {
	first   uint64 // sequence of its first record
	count   int    // of records that are sent: local ones have no sequence numbers
	payload []byte
}

func encodeSegmentHeader(first uint64, salt [8]byte) []byte {
	b := make([]byte, 0, segmentHeader)
	b = append(b, segmentMagic...)
	b = binary.BigEndian.AppendUint64(b, first)
	b = append(b, salt[:]...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, 0, 0, 0, 0)
}

func parseSegmentHeader(b []byte) (first uint64, salt [8]byte, err error) {
	if len(b) < segmentHeader || string(b[:8]) != segmentMagic {
		return 0, salt, fmt.Errorf("no segment header %q", segmentMagic)
	}
	if crc32.Checksum(b[:24], castagnoli) != binary.BigEndian.Uint32(b[24:]) || !zero(b[28:segmentHeader]) {
		return 0, salt, fmt.Errorf("checksum of the segment header is wrong")
	}
	copy(salt[:], b[16:24])
	return binary.BigEndian.Uint64(b[8:]), salt, nil
}

func frameChecksum(salt [8]byte, header, payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, salt[:])
	sum = crc32.Update(sum, castagnoli, header)
	return crc32.Update(sum, castagnoli, payload)
}

func encodeFrame(salt [8]byte, f frame) []byte {
	b := make([]byte, 0, frameHeader+len(f.payload))
	b = append(b, frameMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.payload)))
	b = binary.BigEndian.AppendUint32(b, uint32(f.count))
	b = binary.BigEndian.AppendUint64(b, f.first)
	b = binary.BigEndian.AppendUint32(b, frameChecksum(salt, b[4:20], f.payload))
	return append(b, f.payload...)
}

// parseFrame reads the frame at the start of b. Its payload aliases b.
func parseFrame(salt [8]byte, b []byte) (frame, error) {
	if len(b) < frameHeader || string(b[:4]) != frameMagic {
		return frame{}, fmt.Errorf("no frame")
	}
	length := int(binary.BigEndian.Uint32(b[4:]))
	if length > maxPayload || frameHeader+length > len(b) {
		return frame{}, fmt.Errorf("frame of %d bytes does not fit", length)
	}
	payload := b[frameHeader : frameHeader+length]
	if frameChecksum(salt, b[4:20], payload) != binary.BigEndian.Uint32(b[20:]) {
		return frame{}, fmt.Errorf("checksum of a frame of %d bytes is wrong", length)
	}
	return frame{first: binary.BigEndian.Uint64(b[12:]), count: int(binary.BigEndian.Uint32(b[8:])), payload: payload}, nil
}

// scanned is the result of reading a segment file.
type scanned struct {
	first, next uint64
	salt        [8]byte
	end         int64 // where the next frame goes
	torn        int64 // bytes of an unfinished last write behind end
	size        int64
	local       locals // that stand at its end
}

// scanSegment reads a whole segment. Only the last segment may end in an
// unfinished write.
func scanSegment(path string, last bool) (scanned, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return scanned{}, fmt.Errorf("outbox: %w", err)
	}
	first, salt, err := parseSegmentHeader(content)
	if err != nil {
		return scanned{}, &damagedError{File: path, Offset: 0, Reason: err.Error()}
	}
	s := scanned{first: first, next: first, salt: salt, end: segmentHeader, size: int64(len(content))}
	for {
		rest := content[s.end:]
		f, err := parseFrame(salt, rest)
		if err != nil {
			if zero(rest) {
				return s, nil
			}
			if at := laterFrame(salt, rest); at >= 0 {
				return s, &damagedError{File: path, Offset: s.end, Reason: fmt.Sprintf("%v, but a good frame follows at byte %d", err, s.end+int64(at))}
			}
			if !last {
				return s, &damagedError{File: path, Offset: s.end, Reason: fmt.Sprintf("%v, and a later segment follows", err)}
			}
			s.torn = int64(len(bytes.TrimRight(rest, "\x00")))
			return s, nil
		}
		if f.first != s.next {
			return s, &damagedError{File: path, Offset: s.end, Reason: fmt.Sprintf("frame starts at record %d, want %d", f.first, s.next)}
		}
		_, local, err := parseRecords(f.payload, f.count)
		if err == nil {
			s.local, err = s.local.with(local)
		}
		if err != nil {
			return s, &damagedError{File: path, Offset: s.end, Reason: err.Error()}
		}
		s.next += uint64(f.count)
		s.end += int64(frameHeader + len(f.payload))
	}
}

// laterFrame finds a good frame behind a bad one. The bad one was synced before the good one was
// written, so it is damage and not an unfinished write.
func laterFrame(salt [8]byte, b []byte) int {
	for at := 1; ; at++ {
		i := bytes.Index(b[at:], []byte(frameMagic))
		if i < 0 {
			return -1
		}
		at += i
		if _, err := parseFrame(salt, b[at:]); err == nil {
			return at
		}
	}
}

func zero(b []byte) bool { return len(bytes.TrimRight(b, "\x00")) == 0 }
