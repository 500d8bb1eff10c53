package server

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"testing"

	"citycard/clearing/message"
)

// TestPublishKey makes a key and two successors, and reads them; a file that is damaged is refused.
func TestPublishKey(t *testing.T) {
	dir := t.TempDir()
	if _, err := ReadPublishKey(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	first, err := MakePublishKey(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := MakePublishKey(dir, false); err == nil {
		t.Error("a key was replaced")
	}
	second, err := NextPublishKey(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	third, err := NextPublishKey(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ReadPublishKey(dir)
	if err != nil || !message.PublicOf(signer.Key).Equal(third) || len(signer.Successors) != 2 {
		t.Fatalf("%v, %v", signer, err)
	}
	followed := first
	for _, s := range signer.Successors {
		if followed, err = message.OpenSuccessor(followed, s.Value); err != nil {
			t.Fatal(err)
		}
	}
	if !followed.Equal(third) || second.Equal(third) || first.Equal(second) {
		t.Errorf("the keys are %x, %x and %x; followed is %x", first, second, third, followed)
	}
	whole, err := os.ReadFile(PublishKeyPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoilt := range map[string][]byte{"empty": nil, "no key": whole[:bytes.LastIndex(whole, []byte("-----BEGIN"))], "twice": append(bytes.Clone(whole), whole...)} {
		if err := os.WriteFile(PublishKeyPath(dir), spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPublishKey(dir); err == nil {
			t.Errorf("%s: it is read", name)
		}
	}
}
