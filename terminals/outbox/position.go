package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// The position is the sequence number of the first record that the broker has not acknowledged.
// Its file has two slots and keeps its size, so that a disk without a free byte takes a position.
const (
	positionName  = "position"
	positionMagic = "CITYPOS1"
	slotSize      = len(positionMagic) + 8 + 4
	slotDistance  = 4096 // a block of the disk each: an unfinished write damages one
)

// positions is the file of the position.
type positions struct {
	file *os.File
	slot int // the one that holds the position
}

func encodePosition(next uint64) []byte {
	b := binary.BigEndian.AppendUint64([]byte(positionMagic), next)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parsePosition returns the position and its slot: the higher one of those that are whole.
func parsePosition(content []byte) (next uint64, slot int, err error) {
	slot = -1
	if len(content) != 2*slotDistance {
		return 0, slot, fmt.Errorf("%d bytes, want %d", len(content), 2*slotDistance)
	}
	for i := range 2 {
		b := content[i*slotDistance:][:slotSize]
		has := binary.BigEndian.Uint64(b[len(positionMagic):])
		if bytes.Equal(b, encodePosition(has)) && (slot < 0 || has > next) {
			next, slot = has, i
		}
	}
	if slot < 0 {
		return 0, slot, errors.New("no position whose checksum is right")
	}
	return next, slot, nil
}

// openPositions opens the file for writing, and makes it if it is not there.
func openPositions(d disk, dir string) (*positions, error) {
	path := filepath.Join(dir, positionName)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makePositions(d, path)
	}
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	_, slot, err := parsePosition(content)
	if err != nil {
		return nil, &damagedError{File: path, Offset: -1, Reason: err.Error()}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	return &positions{f, slot}, nil
}

func makePositions(d disk, path string) (*positions, error) {
	temporary := path + ".tmp"
	content := make([]byte, 2*slotDistance)
	copy(content, encodePosition(0))
	f, err := d.prepare(temporary, content)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	if err := d.commit(temporary, path); err != nil {
		return nil, errors.Join(fmt.Errorf("outbox: %w", err), f.Close())
	}
	return &positions{file: f}, nil
}

// save writes the position over the older one. After an error the older slot is written again: the
// other one alone is sure to be on the disk.
func (p *positions) save(d disk, next uint64) error {
	slot := 1 - p.slot
	if err := errors.Join(d.write(p.file, encodePosition(next), int64(slot*slotDistance)), d.sync(p.file)); err != nil {
		return fmt.Errorf("outbox: save position %d: %w", next, err)
	}
	p.slot = slot
	return nil
}

// loadPosition returns false when there is no position yet.
func loadPosition(dir string) (uint64, bool, error) {
	path := filepath.Join(dir, positionName)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("outbox: %w", err)
	}
	next, _, err := parsePosition(content)
	if err != nil {
		return 0, false, &damagedError{File: path, Offset: -1, Reason: err.Error()}
	}
	return next, true, nil
}
