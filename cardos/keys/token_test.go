package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"
)

// TestCardTokens computes a token by hand and checks that it depends on the card and the key, and
// not on earlier calls.
func TestCardTokens(t *testing.T) {
	s := GenerateTest(1)
	card := CardID{Issuer: [8]byte{1, 1, 0x49, 0x10, 9, 9, 9, 9}, ASN: [10]byte{3, 0x10, 0x50, 0x70, 0x20, 0, 0, 0, 0, 1}}
	other, displayed := card, card
	other.ASN[9], displayed.ASN[0], displayed.Issuer[7] = 2, 0xF3, 8
	k := s.current.masters[RolePersonToken]
	h := hmac.New(sha256.New, k[:])
	h.Write(append([]byte("citycard card token 1\x00"), 1, 1, 0x49, 0x10, 0x50, 0x70, 0x20, 0, 0, 0, 0, 1))
	want := [16]byte(h.Sum(nil)[:16])

	tokens := s.Held().CardTokens()
	for range 2 {
		if got := tokens.Token(card); got != want {
			t.Errorf("token %x, want %x", got, want)
		}
		if tokens.Token(other) == want {
			t.Error("two cards share a token")
		}
		if tokens.Token(displayed) != want {
			t.Error("bytes that derive no key change the token")
		}
	}
	if GenerateTest(2).Held().CardTokens().Token(card) == want {
		t.Error("the token does not depend on the key")
	}
	if allocations := testing.AllocsPerRun(100, func() { tokens.Token(card) }); allocations > 0 {
		t.Errorf("%.0f allocations a token, want none", allocations)
	}
}
