package server

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
)

const sealKeyType = "CITYCARD SEAL KEY"

// SealKeyPath is where a data directory has its seal key.
func SealKeyPath(dir string) string { return filepath.Join(dir, "seal.key") }

// MakeSealKey makes the seal key of a data directory, which must have none. With dry it only checks
// whether it could.
func MakeSealKey(dir string, dry bool) (ed25519.PublicKey, error) {
	public, err := makeKeyFile(SealKeyPath(dir), dry, func(w io.Writer, private ed25519.PrivateKey) error {
		return pem.Encode(w, &pem.Block{Type: sealKeyType, Bytes: private.Seed()})
	})
	if errors.Is(err, fs.ErrExist) {
		return nil, service.Fail("%s exists", SealKeyPath(dir)).Todo("a seal key is never replaced; citycard seal-key show prints its public key")
	}
	return public, err
}

// makeKeyFile makes a key and its file; if that is there, the error is fs.ErrExist. With
// dry it only checks whether it could.
func makeKeyFile(path string, dry bool, write func(io.Writer, ed25519.PrivateKey) error) (ed25519.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, language.Textf("make a key: %w", err)
	}
	if dry {
		err = absent(path)
	} else {
		err = durable.WriteNew(path, func(w io.Writer) error { return write(w, private) })
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, err
	case err != nil:
		return nil, service.Fail("cannot write %s", path).Todo("check the directory").Because(err)
	}
	return public, nil
}

// ReadSealKey reads the key that signs sealed days.
func ReadSealKey(dir string) (ed25519.PrivateKey, error) {
	path := SealKeyPath(dir)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, service.Fail("there is no seal key %s", path).Todo("copy the city's seal.key there: days are sealed with the key in the data directory of citycard serve; only where the city has none yet, make it: citycard seal-key make")
	}
	if err != nil {
		return nil, service.Fail("cannot read the seal key").Todo("check %s", path).Because(err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != sealKeyType || len(block.Bytes) != ed25519.SeedSize {
		return nil, service.Fail("%s is not a seal key", path).Todo("put the city's own back from its backup")
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}
