package peopletest

import (
	"crypto/ed25519"
	"os"
	"testing"

	"golang.org/x/crypto/ssh"
)

// TestKeyFiles opens the key files of the staff and of somebody who is not of it.
func TestKeyFiles(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"ann", "bob", "cleo", "kim", "lee", "omar", "max", "nobody"} {
		text, err := os.ReadFile(KeyFile(t, dir, id, false))
		if err != nil {
			t.Fatal(err)
		}
		if key, err := ssh.ParseRawPrivateKey(text); err == nil {
			t.Errorf("%s: %T is under no passphrase", id, key)
		}
		key, err := ssh.ParseRawPrivateKeyWithPassphrase(text, []byte(Passphrase))
		if err != nil {
			t.Fatal(err)
		}
		if key, ok := key.(*ed25519.PrivateKey); !ok || !key.Equal(private(id)) {
			t.Errorf("%s has another's key", id)
		}
	}
}
