package hotlist

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"google.golang.org/protobuf/encoding/protodelim"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/durable"
)

// magic begins a file. The entries follow, each after its length (unsigned varint), and at the end
// the CRC-32 (IEEE) of everything before it, big-endian.
const magic = "CITYHOT1"

// ErrDamaged: the file is not as Save wrote it. The list is then empty and usable; the next Save
// replaces the file.
var ErrDamaged = errors.New("the kept hotlist is damaged")

// Open reads the list that is kept in a file; it is empty where there is none, and
// with ErrDamaged.
func Open(path string) (*List, error) {
	l := &List{path: path, cards: map[keys.Digits]*message.HotlistEntry{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, fmt.Errorf("hotlist: %w", err)
	}
	entries, err := decode(data)
	if err == nil {
		err = l.Apply(entries...)
	}
	if err != nil {
		return l, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return l, nil
}

func decode(data []byte) ([]*message.HotlistEntry, error) {
	end := len(data) - 4
	if end < len(magic) || string(data[:len(magic)]) != magic || crc32.ChecksumIEEE(data[:end]) != binary.BigEndian.Uint32(data[end:]) {
		return nil, errors.New("no beginning or a wrong checksum")
	}
	in := bufio.NewReader(bytes.NewReader(data[len(magic):end]))
	var entries []*message.HotlistEntry
	for {
		e := &message.HotlistEntry{}
		err := protodelim.UnmarshalFrom(in, e)
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
}

// Save puts the list in its file, on disk. A crash leaves the old file or the new one.
func (l *List) Save() error {
	if err := durable.Write(l.path, l.write); err != nil {
		return fmt.Errorf("hotlist: %w", err)
	}
	return nil
}

func (l *List) write(file io.Writer) error {
	sum := crc32.NewIEEE()
	out := bufio.NewWriter(io.MultiWriter(file, sum))
	if _, err := out.WriteString(magic); err != nil {
		return err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, e := range l.cards {
		if _, err := protodelim.MarshalTo(out, e); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := file.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	return err
}
