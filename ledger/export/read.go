package export

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"citycard/ledger/chain"
)

// ErrFormat means that what is read is not an export, or not a whole one.
var ErrFormat = errors.New("not a whole export of version 1")

// maxLine bounds a line: evidence in base64, reason, and room.
const maxLine = 1 << 18

// Read calls fn for each line between the first and the last. The error wraps ErrFormat, with the line's number, when r does not hold a whole export; then
// fn may have seen lines already.
func Read(r io.Reader, fn func(*Line) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<16), maxLine)
	sum := sha256.New()
	var number int64
	for lines.Scan() {
		number++
		var line Line
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&line); err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrFormat, number, err)
		}
		if (number == 1) != (line.Export != nil) || line.Export != nil && line.Export.Version != Version {
			return fmt.Errorf("%w: line %d: expected the header of version %d first, and only first", ErrFormat, number, Version)
		}
		if line.End != nil {
			if want := (End{number - 1, chain.Hash(sum.Sum(nil))}); *line.End != want {
				return fmt.Errorf("%w: it ends with %d lines of hash %x, expected %d of %x", ErrFormat, want.Lines, want.Hash, line.End.Lines, line.End.Hash)
			}
			if lines.Scan() {
				return fmt.Errorf("%w: line %d: there is more after the end", ErrFormat, number+1)
			}
			return lines.Err()
		}
		sum.Write(lines.Bytes())
		sum.Write([]byte{'\n'})
		if err := fn(&line); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: line %d: %w", ErrFormat, number+1, err)
	}
	return fmt.Errorf("%w: it is cut short after %d lines", ErrFormat, number)
}
