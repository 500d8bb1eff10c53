// Package kept keeps in files what a terminal has received from the clearing centre, so that the
// terminal can work while the broker is away.
//
// A file is a list of messages of one type. It begins with the magic of its kind. The messages
// follow, each after its length (unsigned varint), and at the end the CRC-32 (IEEE) of everything
// before it, big-endian. It is written as a whole: a crash leaves the old file or the new one.
package kept

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"citycard/durable"
)

// ErrDamaged: the file is not as Write wrote it, and nothing in it may be used. The next Write
// replaces it.
var ErrDamaged = errors.New("the kept file is damaged")

// Read reads the messages of a file; there are none where there is no file. Errors: ErrDamaged, or
// the disk's.
func Read[M any, P interface {
	*M
	proto.Message
}](path, magic string) ([]P, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	messages, err := decode[M, P](data, magic)
	if err != nil {
		return nil, Damaged(path, err)
	}
	return messages, nil
}

// Damaged is the error for a file with a content that its reader cannot use.
func Damaged(path string, why error) error { return fmt.Errorf("%s: %w: %w", path, ErrDamaged, why) }

func decode[M any, P interface {
	*M
	proto.Message
}](data []byte, magic string) ([]P, error) {
	end := len(data) - 4
	if end < len(magic) || string(data[:len(magic)]) != magic || crc32.ChecksumIEEE(data[:end]) != binary.BigEndian.Uint32(data[end:]) {
		return nil, errors.New("no beginning or a wrong checksum")
	}
	in := bufio.NewReader(bytes.NewReader(data[len(magic):end]))
	var messages []P
	for {
		m := P(new(M))
		err := protodelim.UnmarshalFrom(in, m)
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
}

// Write puts messages in a file, on disk.
func Write[P proto.Message](path, magic string, messages iter.Seq[P]) error {
	return durable.Write(path, func(file io.Writer) error {
		sum := crc32.NewIEEE()
		out := bufio.NewWriter(io.MultiWriter(file, sum))
		if _, err := out.WriteString(magic); err != nil {
			return err
		}
		for m := range messages {
			if _, err := protodelim.MarshalTo(out, m); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
		_, err := file.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
		return err
	})
}
