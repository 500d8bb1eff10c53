package tlv

import (
	"errors"
	"fmt"
)

// Bounds of what is accepted from a card.
const (
	maxObjects = 256
	maxDepth   = 8
	maxLength  = 0xFFFF
)

// ErrFormat is wrapped by every error about bytes that are not TLV.
var ErrFormat = errors.New("malformed TLV")

// Tag is a tag as its bytes read as one number: 0x84, 0x9F0C, 0xBF0C.
type Tag uint32

// constructed reports whether the value holds data objects itself.
func (t Tag) constructed() bool {
	for t > 0xFF {
		t >>= 8
	}
	return t&0x20 != 0
}

// Object is one data object. Value is a part of the bytes that were parsed.
type Object struct {
	Tag   Tag
	Value []byte
}

// Next reads the first data object of b and returns the rest. Filler bytes 00
// and FF before a tag are skipped; at the end of b the tag is 0.
func Next(b []byte) (Object, []byte, error) {
	for len(b) > 0 && (b[0] == 0 || b[0] == 0xFF) {
		b = b[1:]
	}
	if len(b) == 0 {
		return Object{}, nil, nil
	}
	tag, b, err := readTag(b)
	if err != nil {
		return Object{}, nil, err
	}
	n, b, err := readLength(b)
	if err != nil {
		return Object{}, nil, fmt.Errorf("tag %X: %w", uint32(tag), err)
	}
	if n > len(b) {
		return Object{}, nil, fmt.Errorf("tag %X: length %d, %d bytes left: %w", uint32(tag), n, len(b), ErrFormat)
	}
	return Object{Tag: tag, Value: b[:n:n]}, b[n:], nil
}

func readTag(b []byte) (Tag, []byte, error) {
	tag := Tag(b[0])
	if b[0]&0x1F != 0x1F {
		return tag, b[1:], nil
	}
	for i := 1; i < len(b) && i < 3; i++ {
		tag = tag<<8 | Tag(b[i])
		if b[i]&0x80 == 0 {
			return tag, b[i+1:], nil
		}
	}
	return 0, nil, fmt.Errorf("tag longer than three bytes or cut off: %w", ErrFormat)
}

func readLength(b []byte) (int, []byte, error) {
	if len(b) == 0 {
		return 0, nil, fmt.Errorf("no length: %w", ErrFormat)
	}
	if b[0] < 0x80 {
		return int(b[0]), b[1:], nil
	}
	n := int(b[0] & 0x7F)
	if n == 0 || n > 2 || len(b) < 1+n {
		return 0, nil, fmt.Errorf("length field %02X: %w", b[0], ErrFormat)
	}
	length := 0
	for _, v := range b[1 : 1+n] {
		length = length<<8 | int(v)
	}
	return length, b[1+n:], nil
}

// Parse reads all data objects of b, one level deep.
func Parse(b []byte) ([]Object, error) {
	var all []Object
	for {
		o, rest, err := Next(b)
		if err != nil {
			return nil, err
		}
		if o.Tag == 0 {
			return all, nil
		}
		if len(all) == maxObjects {
			return nil, fmt.Errorf("more than %d objects: %w", maxObjects, ErrFormat)
		}
		all, b = append(all, o), rest
	}
}

// Find walks into the constructed objects of b along path and returns the
// value of the first object that matches. It reports false where there is
// none; bytes that are not TLV are an error.
func Find(b []byte, path ...Tag) ([]byte, bool, error) {
	if len(path) > maxDepth {
		return nil, false, fmt.Errorf("path of %d tags, at most %d: %w", len(path), maxDepth, ErrFormat)
	}
	for _, tag := range path {
		objects, err := Parse(b)
		if err != nil {
			return nil, false, err
		}
		found := false
		for _, o := range objects {
			if o.Tag == tag {
				b, found = o.Value, true
				break
			}
		}
		if !found {
			return nil, false, nil
		}
	}
	return b, true, nil
}

// Append adds one data object to b, with the shortest length field. Values
// longer than 65535 bytes and tags longer than three bytes are errors.
func Append(b []byte, tag Tag, value []byte) ([]byte, error) {
	if len(value) > maxLength || tag == 0 || tag > 0xFFFFFF {
		return nil, fmt.Errorf("tag %X with %d bytes: %w", uint32(tag), len(value), ErrFormat)
	}
	if tag > 0xFFFF {
		b = append(b, byte(tag>>16))
	}
	if tag > 0xFF {
		b = append(b, byte(tag>>8))
	}
	b = append(b, byte(tag))
	switch n := len(value); {
	case n < 0x80:
		b = append(b, byte(n))
	case n <= 0xFF:
		b = append(b, 0x81, byte(n))
	default:
		b = append(b, 0x82, byte(n>>8), byte(n))
	}
	return append(b, value...), nil
}
