package keys

import (
	"encoding/hex"
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

// The published load example (ncuisine.com/xingyexinwen/379, repeated on several
// pages): session key, MAC1 and MAC2 under a known load key.
func TestPublishedLoad(t *testing.T) {
	key := Key(unhex(t, "11223344556677888877665544332211"))
	if got := key.Encrypt(unhex(t, "1122334400008000")); hex.EncodeToString(got) != "9b1d924e05595603" {
		t.Errorf("session key %x, want 9b1d924e05595603", got)
	}
	s := LoadSession(key, [4]byte(unhex(t, "11223344")), 0)
	terminal := [6]byte(unhex(t, "001122334455"))
	if got := s.LoadMAC1(LoadStart{0, 0x1000, 1, terminal}); hex.EncodeToString(got[:]) != "2988ae5a" {
		t.Errorf("MAC1 %x, want 2988ae5a", got)
	}
	when := [7]byte(unhex(t, "20111221214822"))
	if got := s.LoadMAC2(Movement{0x1000, 1, terminal, when}); hex.EncodeToString(got[:]) != "3a845bf0" {
		t.Errorf("MAC2 %x, want 3a845bf0", got)
	}
}

// The published purchase example (cnblogs.com/ttss/p/4280430, repeated on several
// pages).
func TestPublishedPurchase(t *testing.T) {
	key := Key(unhex(t, "11223344556677888877665544332211"))
	if got := key.Encrypt(unhex(t, "1122334400000001")); hex.EncodeToString(got) != "003238abc57659dd" {
		t.Errorf("session key %x, want 003238abc57659dd", got)
	}
	s := PurchaseSession(key, [4]byte(unhex(t, "11223344")), 0, 1)
	in := Movement{0x1000, 6, [6]byte(unhex(t, "001122334455")), [7]byte(unhex(t, "20120229135100"))}
	if got := s.PurchaseMAC1(in); hex.EncodeToString(got[:]) != "f15cab75" {
		t.Errorf("MAC1 %x, want f15cab75", got)
	}
	if got := s.PurchaseMAC2(0x1000); hex.EncodeToString(got[:]) != "56988a13" {
		t.Errorf("MAC2 %x, want 56988a13", got)
	}
}

// TACs over the examples' data under the examples' TAC key. The pages do not show
// them; these were computed once with an independent DES.
func TestTAC(t *testing.T) {
	key := Key(unhex(t, "00112233445566778899AABBCCDDEEFF"))
	terminal := [6]byte(unhex(t, "001122334455"))
	cases := []struct {
		name string
		got  MAC
		want string
	}{
		{"purchase", PurchaseTAC(key, Purchase{0x1000, 6, terminal, 1, [7]byte(unhex(t, "20120229135100"))}), "b3a0d49c"},
		{"purchase as deposit load", PurchaseTAC(key, Purchase{0x1000, 1, terminal, 1, [7]byte(unhex(t, "20111221214822"))}), "3ff7a28a"},
		{"load", LoadTAC(key, Load{0x1000, 0, 0x1000, 1, terminal, [7]byte(unhex(t, "20111221214822"))}), "6314e5f5"},
	}
	for _, c := range cases {
		if hex.EncodeToString(c.got[:]) != c.want {
			t.Errorf("%s: TAC %x, want %s", c.name, c.got, c.want)
		}
	}
}

// The terminal sequence of a session is its low half: the high half must not
// matter, the low one must.
func TestPurchaseSessionTakesLowHalf(t *testing.T) {
	key := Key(unhex(t, "11223344556677888877665544332211"))
	mac := func(sequence uint32) MAC { return PurchaseSession(key, [4]byte{1}, 2, sequence).MAC(nil) }
	if mac(0x00010003) != mac(3) || mac(3) == mac(4) {
		t.Error("session key does not depend on just the low two bytes of the terminal's sequence")
	}
}

func TestDiversify(t *testing.T) {
	master := Key(unhex(t, "11223344556677888877665544332211"))
	f := Factor(unhex(t, "2016122100001003"))
	one := Diversify(master, f)
	left := master.Encrypt(f[:])
	right := master.Encrypt(unhex(t, "dfe9eddeffffeffc"))
	if string(one[:8]) != string(left) || string(one[8:]) != string(right) {
		t.Errorf("one level does not equal 3DES(F) || 3DES(^F)")
	}
	g := Factor(unhex(t, "0792800000000145"))
	if Diversify(master, g, f) != Diversify(Diversify(master, g), f) {
		t.Error("two levels differ from two times one")
	}
}

func TestWrap(t *testing.T) {
	key := Key(unhex(t, "11223344556677888877665544332211"))
	for n := range 40 {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i + 1)
		}
		sealed, ok := key.Wrap(data)
		if !ok || len(sealed)%8 != 0 {
			t.Fatalf("%d bytes: wrapped to %d", n, len(sealed))
		}
		back, ok := key.Unwrap(sealed)
		if !ok || string(back) != string(data) {
			t.Fatalf("%d bytes: came back as %x", n, back)
		}
		sealed[0] ^= 0x40
		if back, ok := key.Unwrap(sealed); ok && string(back) == string(data) {
			t.Fatalf("%d bytes: altered, yet the same", n)
		}
	}
}
