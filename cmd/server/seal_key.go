package server

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/cmd/service"
	"citycard/durable"
)

const sealKeyType = "CITYCARD SEAL KEY"

// SealKeyPath is where a data directory has its seal key.
func SealKeyPath(dir string) string { return filepath.Join(dir, "seal.key") }

// MakeSealKey makes the seal key of a data directory, which must have none. With dry it only checks
// whether it could.
func MakeSealKey(dir string, dry bool) (ed25519.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a seal key: %w", err)
	}
	path := SealKeyPath(dir)
	if dry {
		err = absent(path)
	} else {
		err = durable.WriteNew(path, func(w io.Writer) error {
			return pem.Encode(w, &pem.Block{Type: sealKeyType, Bytes: private.Seed()})
		})
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, service.Fail(path+" exists / 封账密钥已存在", "a seal key is never replaced; citycard seal-key show prints its public key", nil)
	case err != nil:
		return nil, service.Fail("cannot write "+path+" / 无法写入封账密钥", "check the directory", err)
	}
	return public, nil
}

// ReadSealKey reads the key that signs sealed days.
func ReadSealKey(dir string) (ed25519.PrivateKey, error) {
	path := SealKeyPath(dir)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, service.Fail("there is no seal key "+path+" / 没有封账密钥",
			"copy the city's seal.key here; only where the city has none yet, make it: citycard seal-key make / 请复制本市的 seal.key,尚无时先生成", nil)
	}
	if err != nil {
		return nil, service.Fail("cannot read the seal key / 无法读取封账密钥", "check "+path, err)
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != sealKeyType || len(block.Bytes) != ed25519.SeedSize {
		return nil, service.Fail(path+" is not a seal key / 不是封账密钥", "put the city's own back from its backup", nil)
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

// PublicOf is the public half of a seal key.
func PublicOf(private ed25519.PrivateKey) ed25519.PublicKey {
	public, _ := private.Public().(ed25519.PublicKey)
	return public
}
