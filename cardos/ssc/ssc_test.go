package ssc

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// The published card identification and its ATR: region, issuer's code, and the chip's serial,
// which is the ATR's last four bytes. The rule for the identification's last four bytes was not
// published.
func TestIdentificationSample(t *testing.T) {
	atr, err := hex.DecodeString("3B6D0000" + "00814E43238697159900BF7C7A")
	if err != nil {
		t.Fatal(err)
	}
	factor, err := CardFactor(atr)
	if err != nil {
		t.Fatal(err)
	}
	id := NewIdentification([3]byte{0x63, 0x99, 0x00}, factor)
	if !strings.HasPrefix("639900D15600000500BF7C7A48FB4966", id.String()[:24]) || id.Region() != "639900" {
		t.Errorf("identification %s of region %s", id, id.Region())
	}
}

// Commands as readers send them.
func TestRealCommands(t *testing.T) {
	field := func(tag Tag) Field {
		f, ok := FieldOf(tag)
		if !ok {
			t.Fatalf("no field %02X", tag)
		}
		return f
	}
	if raw, err := Read(field(TagCardNumber), ByNumber).Encode(); err != nil || string(raw) != "\x00\xB2\x07\x04\x0B" {
		t.Errorf("card number by number: %X, %v", raw, err)
	}
	if raw, err := Read(field(TagNameExtension), ByTagAndFile).Encode(); err != nil || string(raw) != "\x00\xB2\x4E\x30\x16" {
		t.Errorf("name extension by tag and file: %X, %v", raw, err)
	}
	if raw, err := Read(field(TagIdentification), ByTag).Encode(); err != nil || string(raw) != "\x00\xB2\x01\x00\x12" {
		t.Errorf("identification by tag: %X, %v", raw, err)
	}
	cmd, err := Write(Record{TagIssued, []byte{0x20, 0x26, 0x01, 0x02}})
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := cmd.Encode(); err != nil || string(raw) != "\x00\xDC\x05\x28\x06\x05\x04\x20\x26\x01\x02" {
		t.Errorf("date of issue: %X, %v", raw, err)
	}
	if raw, err := Select().Encode(); err != nil || string(raw[:20]) != "\x00\xA4\x04\x00\x0F\x73\x78\x31\x2E\x73\x68\x2E\xC9\xE7\xBB\xE1\xB1\xA3\xD5\xCF" {
		t.Errorf("select: %X, %v", raw, err)
	}
	if _, err := Write(Record{TagIssued, []byte{1}}); !errors.Is(err, ErrLayout) {
		t.Errorf("a date of one byte: %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "张三", strings.Repeat("张", 15), strings.Repeat("张", 16), "a" + strings.Repeat("张", 20), strings.Repeat("张", 25)} {
		records, err := Holder{Name: name}.Records()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var back Holder
		for _, r := range records {
			if err := back.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if back.Name != name {
			t.Errorf("%s came back as %s", name, back.Name)
		}
	}
	for _, bad := range []string{strings.Repeat("张", 26), "😀"} {
		if _, err := (Holder{Name: bad}).Records(); !errors.Is(err, ErrLayout) {
			t.Errorf("%s: %v, want ErrLayout", bad, err)
		}
	}
	if s := (Holder{Name: "张三", SecurityNumber: "1"}).String(); strings.Contains(s, "张") {
		t.Errorf("holder prints as %s", s)
	}
}

func TestPIN(t *testing.T) {
	for digits, want := range map[string]string{"1234": "\x12\x34", "123456": "\x12\x34\x56", "12345": "\x12\x34\x5F"} {
		if got, err := PIN(digits); err != nil || string(got) != want {
			t.Errorf("%s: %X, %v", digits, got, err)
		}
	}
	for _, bad := range []string{"", "123", "1234567890123", "12a4"} {
		if _, err := PIN(bad); err == nil {
			t.Errorf("%q is taken for a PIN", bad)
		}
	}
}

// FuzzRecord: no record panics; what parses encodes to the same bytes.
func FuzzRecord(f *testing.F) {
	f.Add([]byte{0x09, 0x02, 0xD5, 0xC5})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRecord(b); err == nil {
			again, err := r.Encode()
			if err != nil || !strings.HasPrefix(string(b), string(again)) {
				t.Fatalf("%X became %X, %v", b, again, err)
			}
			var issuer Issuer
			var holder Holder
			_ = issuer.Add(r)
			_ = holder.Add(r)
		}
	})
}
