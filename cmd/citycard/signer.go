package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"strings"

	"citycard/clearing/message"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

// signer is the signer whose seals are trusted. By default none are: a seal carries its signer's
// public key, so without a key that is known from elsewhere any key would pass.
type signer struct {
	key  ed25519.PublicKey // nil: none is known
	from string            // where it is known from
}

// askSigner is the advice if no signer is known.
const askSigner = "give --signer, the public key that \"citycard seal-key show\" prints where days are sealed"

// trustedSigner is the named signer (in hex, or the file with the key), else the data directory's
// own.
func trustedSigner(named, data string) (signer, error) {
	if named != "" {
		return namedSigner(named)
	}
	if _, err := os.Stat(server.SealKeyPath(data)); errors.Is(err, fs.ErrNotExist) {
		return signer{}, nil
	}
	private, err := server.ReadSealKey(data)
	return signer{message.PublicOf(private), server.SealKeyPath(data)}, err
}

func namedSigner(named string) (signer, error) {
	const from = "--signer"
	key, err := namedKey(from, named)
	if _, wrong := publicKey(named); wrong != nil {
		return signer{key, named}, err
	}
	return signer{key, from}, err
}

// namedKey is the public key that a flag has, or the file that it names.
func namedKey(flag, named string) (ed25519.PublicKey, error) {
	if key, err := publicKey(named); err == nil {
		return key, nil
	}
	text, err := os.ReadFile(named)
	if err != nil {
		return nil, service.Exit(service.ExitUsage, language.Textf("%s %q: want a public key of %d hex digits, or a file that has it", flag, named, 2*ed25519.PublicKeySize))
	}
	key, err := publicKey(string(text))
	if err != nil {
		return nil, service.Exit(service.ExitUsage, language.Textf("%s %s: the file must have a public key of %d hex digits and nothing else", flag, named, 2*ed25519.PublicKeySize))
	}
	return key, nil
}

// publicKey reads a public key as seal-key show prints it.
func publicKey(text string) (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(strings.TrimSpace(text))
	if err == nil && len(key) != ed25519.PublicKeySize {
		err = language.Textf("not as long as a public key")
	}
	return key, err
}
