package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"citycard/durable"
)

// errDamaged says that a file is none of its kind, or not as it was written.
var errDamaged = errors.New("damaged, or not a file of this kind")

// WriteSealed writes a file that a city keeps from day to day: magic, body, and the CRC-32 (IEEE)
// of both, big-endian.
func WriteSealed(path, magic string, body []byte) error {
	sum := crc32.Update(crc32.ChecksumIEEE([]byte(magic)), crc32.IEEETable, body)
	return durable.Write(path, func(w io.Writer) error {
		for _, part := range [][]byte{[]byte(magic), body, binary.BigEndian.AppendUint32(nil, sum)} {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReadSealed reads the body of a file that WriteSealed wrote; errors.Is(err, os.ErrNotExist) if
// there is no such file.
func ReadSealed(path, magic string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	end := len(data) - 4
	if end < len(magic) || string(data[:len(magic)]) != magic || binary.BigEndian.Uint32(data[end:]) != crc32.ChecksumIEEE(data[:end]) {
		return nil, fmt.Errorf("%s: %w", path, errDamaged)
	}
	return data[len(magic):end], nil
}
