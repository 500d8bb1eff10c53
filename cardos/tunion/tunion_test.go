package tunion

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatalf("bad hex in test: %v", err)
	}
	return b
}

// Answers to SELECT of real cards: two of the national union, one of the older city union.
func TestRealFCI(t *testing.T) {
	cases := []struct {
		raw            string
		number         string
		city           uint16
		start, expiry  string
		version, isAID string
	}{
		{
			"6F318408A000000632010105A5259F0801029F0C1E 01011000FFFFFFFF 02 01 03105170070104791381 20190718 20401231 0000",
			"03105170070104791381", 0x1000, "20190718", "20401231", "02", "a000000632010105",
		},
		{
			"6F318408A000000632010105A5259F0801029F0C1E 01011000FFFFFFFF 02 01 03105170010170907984 20190806 20401231 0000",
			"03105170010170907984", 0x1000, "20190806", "20401231", "02", "a000000632010105",
		},
		{
			"6F2E8409A00000000386980701A5219F0C1E 8475310000000000 00 00 31003100000020458878 20140614 20640614 0000",
			"31003100000020458878", 0x3100, "20140614", "20640614", "", "a00000000386980701",
		},
	}
	for _, c := range cases {
		raw := unhex(t, c.raw)
		f, err := ParseFCI(raw)
		if err != nil {
			t.Errorf("%s: %v", c.raw, err)
			continue
		}
		number, err := Number(f.Application.ASN)
		if err != nil || number != c.number || f.Application.City() != c.city ||
			hex.EncodeToString(f.Application.Start[:]) != c.start || hex.EncodeToString(f.Application.Expiry[:]) != c.expiry ||
			hex.EncodeToString(f.Version) != c.version || hex.EncodeToString(f.Name) != c.isAID {
			t.Errorf("%s: number %s, %v, parsed %+v", c.raw, number, err, f)
		}
		if again, err := f.Encode(); err != nil || string(again) != string(raw) {
			t.Errorf("%s encodes to %X, %v", c.raw, again, err)
		}
	}
}

// The directory of a real personalisation file.
func TestRealDirectory(t *testing.T) {
	inner := unhex(t, "A537BF0C34 6119 4F08A000000632010106 500A4D4F545F545F43415348 870101 6117 4F08A000000632010105 50084D4F545F545F4550 870102")
	raw := append(append([]byte{0x6F, byte(2 + len(PPSE) + len(inner)), 0x84, byte(len(PPSE))}, PPSE...), inner...)
	entries, err := ParseDirectory(raw)
	want := []Entry{{AIDCash, LabelCash, 1}, {AIDPurse, LabelPurse, 2}}
	if err != nil || len(entries) != 2 || entries[0] != want[0] || entries[1] != want[1] {
		t.Fatalf("entries %v, %v", entries, err)
	}
	if again, err := DirectoryFCI(entries); err != nil || string(again) != string(raw) {
		t.Fatalf("encodes to %X, %v", again, err)
	}
}

func TestRealApplicationFiles(t *testing.T) {
	for _, s := range []string{
		"05212482FFFFFFFF 02 00 03104895199900000002 20201020 20401231 0000",
		"05212482FFFFFFFF 02 01 03104895512000000052 20210202 20401231 0000",
	} {
		raw := unhex(t, s)
		a, err := ParseApplication(raw)
		if err != nil || a.City() != 0x2482 || a.Type != 2 {
			t.Errorf("%s: %+v, %v", s, a, err)
		}
		if again := a.Encode(); string(again[:]) != string(raw) {
			t.Errorf("%s encodes to %X", s, again)
		}
	}
}

func TestRealRegions(t *testing.T) {
	for _, s := range []string{"00000156 2400 2482 0001 01", "00000156 5800 5840 0001 01"} {
		raw := append(unhex(t, s), make([]byte, 49)...)
		whole, err := ParseRegion(raw)
		if err != nil || whole.Interoperable != 1 || whole.CardType != CardOrdinary {
			t.Errorf("%s: %+v, %v", s, whole, err)
		}
		part, err := ParseRegion(raw[:11])
		if err != nil || part != whole {
			t.Errorf("%s: the first 11 bytes parse to %+v, %v", s, part, err)
		}
		if again := whole.Encode(); string(again[:]) != string(raw) {
			t.Errorf("%s encodes to %X", s, again)
		}
	}
	z := ZhengzhouRegion(CardOrdinary).Encode()
	if hex.EncodeToString(z[:11]) != "0000015649004910000101" {
		t.Errorf("Zhengzhou's file begins with %x", z[:11])
	}
}

// The newest journey of a real Beijing card: a metro exit.
const beijing = "04 0000300089000340 01 08001900300000 000001f4 00000e01 20241229141740 1000 01011000ffffffff 000000000000"

func TestRealJourney(t *testing.T) {
	raw := unhex(t, beijing)
	j, err := ParseJourney(raw)
	if err != nil {
		t.Fatal(err)
	}
	if j.Type != JourneyExit || j.Industry != IndustryMetro || j.Amount != 500 || j.Balance != 3585 || j.City != 0x1000 ||
		j.Terminal != LongTerminal([6]byte(unhex(t, "300089000340"))) || hex.EncodeToString(j.Time[:]) != "20241229141740" {
		t.Errorf("parsed %+v", j)
	}
	if again := j.Encode(); string(again[:]) != string(raw) {
		t.Errorf("encodes to %X", again)
	}
}

func TestHolder(t *testing.T) {
	blank := append(append([]byte{0, 0}, []byte(strings.Repeat(" ", 52))...), 0)
	h, err := ParseHolder(blank)
	if err != nil {
		t.Fatal(err)
	}
	if again := h.Encode(); string(again[:]) != string(blank) {
		t.Errorf("a blank file encodes to %X", again)
	}
	if made, err := NewHolder("", "", 0); err != nil || made != h {
		t.Errorf("a card without holder gets %+v, %v", made, err)
	}
	named, err := NewHolder("张三", "111111198101011110", 0)
	if err != nil {
		t.Fatal(err)
	}
	name, id, err := named.Text()
	if err != nil || name != "张三" || id != "111111198101011110" {
		t.Errorf("text %q, %q, %v", name, id, err)
	}
	for _, bad := range []string{strings.Repeat("张", 11), "😀"} {
		if _, err := NewHolder(bad, "", 0); !errors.Is(err, ErrLayout) {
			t.Errorf("name %q: %v, want ErrLayout", bad, err)
		}
	}
}

func TestNumbers(t *testing.T) {
	asn, err := ZhengzhouNumber(7)
	if err != nil || hex.EncodeToString(asn[:]) != "03105070200000000007" {
		t.Fatalf("card 7 is %x, %v", asn, err)
	}
	for _, s := range []string{"03105070200000000007", "3105070200000000007"} {
		if got, err := ParseNumber(s); err != nil || got != asn {
			t.Errorf("%s is %x, %v", s, got, err)
		}
	}
	for _, bad := range []string{"", "123", "0310507020000000000x", "031050702000000000070"} {
		if _, err := ParseNumber(bad); err == nil {
			t.Errorf("%q is taken for a card number", bad)
		}
	}
	if _, err := ZhengzhouNumber(100_000_000_000); err == nil {
		t.Error("a serial of twelve digits is taken")
	}
}

// FuzzRecords: every record of the right length survives parsing in every layout.
func FuzzRecords(f *testing.F) {
	b, _ := hex.DecodeString(strings.Join(strings.Fields(beijing), ""))
	f.Add(b)
	f.Add(append([]byte{0x27, 0x12, 0x7D, 1, 1, 0}, make([]byte, 122)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		same := func(what string, again []byte, err error) {
			if err == nil && string(again) != string(b) {
				t.Fatalf("%s %X became %X", what, b, again)
			}
		}
		j, err := ParseJourney(b)
		x := j.Encode()
		same("journey", x[:], err)
		rail, err := ParseRailTrip(b)
		r := rail.Encode()
		same("rail trip", r[:], err)
		bus, err := ParseBusTrip(b)
		u := bus.Encode()
		same("bus trip", u[:], err)
		holder, err := ParseHolder(b)
		h := holder.Encode()
		same("holder", h[:], err)
		if len(b) == ApplicationSize {
			a, err := ParseApplication(b)
			y := a.Encode()
			same("application", y[:], err)
		}
		if fci, err := ParseFCI(b); err == nil {
			if _, err := fci.Encode(); err != nil && len(fci.Name) < 256 {
				t.Fatalf("FCI %X parses, but does not encode: %v", b, err)
			}
		}
		_, _ = ParseDirectory(b)
	})
}
