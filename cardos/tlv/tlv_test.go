package tlv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// The answer of a real city-union card to SELECT.
const fci = "6F2E8409A00000000386980701A5219F0C1E847531000000000000003100310000002045887820140614206406140000"

func TestFind(t *testing.T) {
	b, err := hex.DecodeString(fci)
	if err != nil {
		t.Fatal(err)
	}
	name, ok, err := Find(b, 0x6F, 0x84)
	if err != nil || !ok || hex.EncodeToString(name) != "a00000000386980701" {
		t.Errorf("name %x, %v, %v", name, ok, err)
	}
	data, ok, err := Find(b, 0x6F, 0xA5, 0x9F0C)
	if err != nil || !ok || len(data) != 30 {
		t.Errorf("%d bytes of public data, %v, %v", len(data), ok, err)
	}
	if _, ok, err := Find(b, 0x6F, 0x50); ok || err != nil {
		t.Errorf("found a label that is not there: %v", err)
	}
	if _, _, err := Find(b, make([]Tag, 9)...); err == nil {
		t.Error("a path of nine tags was walked")
	}
}

// What a real card of the older city union says of its root and in its directory.
func TestRealRoot(t *testing.T) {
	for _, c := range []struct {
		raw  string
		path []Tag
		want string
	}{
		{"6F15840E315055422E5359532E4444463031A503880101", []Tag{0x6F, 0x84}, "1PUB.SYS.DDF01"},
		{"6F15840E315055422E5359532E4444463031A503880101", []Tag{0x6F, 0xA5, 0x88}, "\x01"},
		{"7011610F4F09A0000000038698070150023F01", []Tag{0x70, 0x61, 0x4F}, "\xA0\x00\x00\x00\x03\x86\x98\x07\x01"},
		{"7011610F4F09A0000000038698070150023F01", []Tag{0x70, 0x61, 0x50}, "\x3F\x01"},
	} {
		b, err := hex.DecodeString(c.raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok, err := Find(b, c.path...); err != nil || !ok || string(got) != c.want {
			t.Errorf("%s, %X: %q, %v, %v, want %q", c.raw, c.path, got, ok, err, c.want)
		}
	}
}

func TestMalformed(t *testing.T) {
	for _, s := range []string{"6F", "6F05", "6F0501", "6F80", "6F83000001", "9F", "9F8181818101", "6F82FF"} {
		b, _ := hex.DecodeString(s)
		if _, err := Parse(b); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", s, err)
		}
	}
	if _, err := Parse(bytes.Repeat([]byte{0x50, 0}, 1000)); !errors.Is(err, ErrFormat) {
		t.Error("a thousand empty objects were accepted")
	}
}

func TestAppend(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 255, 256, 65535} {
		for _, tag := range []Tag{0x50, 0x9F0C, 0xBF0C, 0xDF8101} {
			b, err := Append(nil, tag, make([]byte, n))
			if err != nil {
				t.Fatal(err)
			}
			o, rest, err := Next(b)
			if err != nil || o.Tag != tag || len(o.Value) != n || len(rest) != 0 {
				t.Errorf("tag %X with %d bytes came back as %X with %d, %v", uint32(tag), n, uint32(o.Tag), len(o.Value), err)
			}
		}
	}
	if _, err := Append(nil, 0x50, make([]byte, 65536)); err == nil {
		t.Error("65536 bytes were appended")
	}
	if !Tag(0xBF0C).constructed() || Tag(0x9F0C).constructed() {
		t.Error("constructed tags are told wrongly")
	}
}

// FuzzParse: parsing ends, and what parses can be written again and read the same.
func FuzzParse(f *testing.F) {
	b, _ := hex.DecodeString(fci)
	f.Add(b)
	f.Add([]byte{0x6F, 0x82, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := Parse(b)
		if err != nil {
			return
		}
		var again []byte
		for _, o := range all {
			if again, err = Append(again, o.Tag, o.Value); err != nil {
				t.Fatal(err)
			}
		}
		back, err := Parse(again)
		if err != nil || len(back) != len(all) {
			t.Fatalf("%d objects became %d: %v", len(all), len(back), err)
		}
	})
}
