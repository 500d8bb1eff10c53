package keys

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// TestPersonData seals a text, rotates the keys and opens it; nothing else opens.
func TestPersonData(t *testing.T) {
	first, second, _ := rotated(t)
	cipher := func(s *Store) *PersonData {
		t.Helper()
		d, err := s.Held().PersonData()
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	text, place := []byte("a name"), []byte("a token")
	before, after := cipher(first), cipher(second)
	old := before.Seal(text, place)
	if bytes.Contains(old, text) || old[0] != first.Version() {
		t.Errorf("sealed as %x", old)
	}
	if again := before.Seal(text, place); bytes.Equal(again, old) {
		t.Error("one text sealed twice looks the same")
	}
	if got, err := after.Open(old, place); err != nil || !bytes.Equal(got, text) {
		t.Errorf("after a rotation: %q, %v", got, err)
	}
	renewed := after.Seal(text, place)
	if renewed[0] != second.Version() {
		t.Errorf("after a rotation the version is %d", renewed[0])
	}
	for name, err := range map[string]error{
		"another place":        failure(before.Open(old, []byte("b token"))),
		"nothing":              failure(before.Open(nil, place)),
		"a newer key":          failure(before.Open(renewed, place)),
		"another store":        failure(cipher(GenerateTest(2)).Open(old, place)),
		"another version byte": failure(after.Open(append([]byte{second.Version()}, old[1:]...), place)),
	} {
		if !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v, want ErrSealed", name, err)
		}
	}
	for i := range old {
		altered := bytes.Clone(old)
		altered[i] ^= 1
		if _, err := before.Open(altered, place); !errors.Is(err, ErrSealed) {
			t.Errorf("byte %d altered: %v, want ErrSealed", i, err)
		}
	}
	if shown := fmt.Sprintf("%v %+v %#v", before, before, before); shown != "[persons' data key] [persons' data key] [persons' data key]" {
		t.Errorf("printed as %s", shown)
	}
}

// failure is the error alone.
func failure(_ []byte, err error) error { return err }
