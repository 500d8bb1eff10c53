package sm_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"citycard/cardos/sm"
)

// The example key of GB/T 32907 is its example plaintext too.
const standard = "0123456789abcdeffedcba9876543210"

func key(t *testing.T) sm.Key {
	t.Helper()
	b, err := hex.DecodeString(standard)
	if err != nil {
		t.Fatal(err)
	}
	return sm.Key(b)
}

// GB/T 32907, appendix A.1 and A.2.
func TestSM4(t *testing.T) {
	k := key(t)
	x := [sm.BlockSize]byte(k)
	x = k.Encrypt(x)
	if got := hex.EncodeToString(x[:]); got != "681edf34d206965e86b3e94f536e4246" {
		t.Errorf("once: %s", got)
	}
	if back := k.Decrypt(x); back != [sm.BlockSize]byte(k) {
		t.Errorf("deciphered to %x", back)
	}
	x = [sm.BlockSize]byte(k)
	for range 1_000_000 {
		x = k.Encrypt(x)
	}
	if got := hex.EncodeToString(x[:]); got != "595298c7c6fd271f0402f804c33d3f66" {
		t.Errorf("a million times: %s", got)
	}
}

// GB/T 15852.1-2020, appendix B.
func TestMAC(t *testing.T) {
	for message, want := range map[string]string{
		"":                                 "8c338e5a27e349beae39214feda97099",
		"This is the test message for mac": "4b6553af3c4e27448412315ac7849535",
		"This is the test message ":        "421ad1690aa152e2846fa2a5d83445a9",
	} {
		if got := key(t).MAC([]byte(message)); hex.EncodeToString(got[:]) != want {
			t.Errorf("MAC of %q is %x, want %s", message, got, want)
		}
	}
}

// GB/T 32905, appendix A.
func TestDigest(t *testing.T) {
	for message, want := range map[string]string{
		"abc":                      "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
		strings.Repeat("abcd", 16): "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
	} {
		if got := sm.Digest([]byte(message)); hex.EncodeToString(got[:]) != want {
			t.Errorf("digest of %q is %x, want %s", message, got, want)
		}
	}
}

func TestKeyHidesItself(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%X", "%d", "%q"} {
		if s := fmt.Sprintf(verb, key(t)); strings.Contains(strings.ToLower(s), "0123") || strings.Contains(s, "35") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}
