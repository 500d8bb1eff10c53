package keys

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// What clearing holds comes whole out of its encoding, and nothing else is taken for it.
func TestHeldIsEncoded(t *testing.T) {
	_, _, third := rotated(t)
	held := third.Held()
	encoded := held.Encode()
	back, err := DecodeHeld(encoded)
	if err != nil || back.Version() != 3 || !back.Test() || back.Fingerprint() != held.Fingerprint() || !back.includes(held) {
		t.Errorf("back as version %d, %v", back.Version(), err)
	}
	if back.PersonToken("1") != third.PersonToken("1") {
		t.Error("another token")
	}
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"no generation": encoded[:18],
		"cut":           encoded[:len(encoded)-1],
		"another form":  append([]byte{2}, encoded[1:]...),
		"one twice":     append(encoded[:51:51], encoded[18:51]...),
	} {
		if _, err := DecodeHeld(b); !errors.Is(err, ErrStoreFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if shown := fmt.Sprintf("%v %+v %x", held, held, held); shown != "[held keys] [held keys] [held keys]" {
		t.Errorf("printed as %s", shown)
	}
}

// No load or purchase master is among the keys that clearing holds, and none of any other use.
func TestHeldIsNoMoreThanClearingNeeds(t *testing.T) {
	first, err := Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	second, err := first.Rotate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encoded := string(second.Held().Encode())
	for _, g := range []generation{first.current, second.current} {
		for r := Role(1); r < roleEnd; r++ {
			wanted := r == RoleTAC || r == RolePersonData || r == RolePersonToken
			if k := g.masters[r]; strings.Contains(encoded, string(k[:])) != wanted {
				t.Errorf("master %d of version %d: among the keys: %v", r, g.version, !wanted)
			}
		}
	}
}
