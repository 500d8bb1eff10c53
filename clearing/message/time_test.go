package message_test

import (
	"bytes"
	"encoding/hex"
	"testing"
	"time"

	"citycard/clearing/message"
)

// TestTime writes and reads card times; the bytes of 2024-12-29 14:17:40 are
// those of a real card's log record.
func TestTime(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	for text, at := range map[string]time.Time{
		"20241229141740": time.Date(2024, 12, 29, 14, 17, 40, 0, zone),
		"20240229000000": time.Date(2024, 2, 29, 0, 0, 0, 0, zone),
		"19991231235959": time.Date(1999, 12, 31, 23, 59, 59, 0, zone),
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := message.AppendTime(nil, at); !bytes.Equal(got, b) {
			t.Errorf("%v is written %x, want %s", at, got, text)
		}
		if got, err := message.ParseTime(b, zone); err != nil || !got.Equal(at) {
			t.Errorf("%s is read %v (%v), want %v", text, got, err, at)
		}
	}
	for _, text := range []string{"", "202412291417", "20241229141760", "20241229246000", "20230229000000", "2024122914174a", "20241329000000"} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := message.ParseTime(b, zone); err == nil {
			t.Errorf("%q is read as %v, want an error", text, got)
		}
	}
}

func TestFixed(t *testing.T) {
	var dst [3]byte
	if !message.Fixed(dst[:], []byte{1, 2, 3}) || dst != [3]byte{1, 2, 3} {
		t.Errorf("three bytes into three gave %v", dst)
	}
	for _, src := range [][]byte{nil, {1, 2}, {1, 2, 3, 4}} {
		if message.Fixed(dst[:], src) {
			t.Errorf("%d bytes fit into 3", len(src))
		}
	}
}
