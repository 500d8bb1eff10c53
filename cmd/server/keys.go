package server

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/language"
)

// testMasters is the notice of a process that uses TEST masters.
const testMasters = "TEST masters are in use: anybody can make cards, taps and loads that verify"

// openKeys opens the key store, or asks the key service for what clearing holds itself.
func (in *Inputs) openKeys(ctx context.Context, s *Settings, dir string, log *slog.Logger) (err error) {
	if s.KeyService.Given() {
		return in.askKeys(ctx, s, log)
	}
	ring, err := OpenKeys(s.KeyPath(dir), s.Passphrase, s.Demo, log)
	if err != nil {
		return err
	}
	in.loads = ring
	in.tacs, err = keys.FollowTACs(ctx, ring)
	return err
}

// askKeys has no master of a card in the process but those of TACs.
func (in *Inputs) askKeys(ctx context.Context, s *Settings, log *slog.Logger) error {
	if s.Keys != "" {
		return service.Exit(service.ExitUsage, language.Textf("with --key-service there is no key store here: leave --keys out"))
	}
	client, err := s.KeyService.Open()
	if err != nil {
		return err
	}
	in.loads = client
	if in.tacs, err = keys.FollowTACs(ctx, client); err != nil {
		return service.Unreachable("the key service at %s gives no TAC masters", s.KeyService.URL).
			Todo("start it, or correct --key-service and what it knows of this program").Because(err)
	}
	held := in.tacs.Held()
	if err := service.AllowKeys(held.Test(), s.KeyService.URL, s.Demo); err != nil {
		return err
	}
	if held.Test() {
		log.Warn(testMasters, "key service", s.KeyService.URL)
	}
	log.Info("the key service has given the TAC masters and the keys of persons' data: they are in this process's memory, and no other masters are",
		"key service", s.KeyService.URL, "version", held.Version())
	return nil
}

// Held are the keys that clearing holds itself, from wherever the settings say.
func (s *Settings) Held(ctx context.Context, dir string, log *slog.Logger) (*keys.Held, error) {
	in := &Inputs{}
	if err := in.openKeys(ctx, s, dir, log); err != nil {
		return nil, err
	}
	return in.tacs.Held(), nil
}

// OpenKeys opens the key store. TEST masters are refused outside a demonstration.
func OpenKeys(path, passphraseFile string, demo bool, log *slog.Logger) (*keys.Keyring, error) {
	passphrase, err := service.Passphrase(passphraseFile)
	if err != nil {
		return nil, err
	}
	ring, err := keys.OpenKeyring(path, passphrase, log)
	if err != nil {
		return nil, CannotOpenKeys(path, err)
	}
	if err := service.AllowKeys(ring.Store().Test(), path, demo); err != nil {
		return nil, err
	}
	if ring.Store().Test() {
		log.Warn(testMasters, "keys", path)
	}
	return ring, nil
}

// CannotOpenKeys says that a key store cannot be opened.
func CannotOpenKeys(path string, err error) error {
	return service.Fail("cannot open the key store %s", path).Todo(`check --keys and its passphrase; "citycard keys" makes one`).Because(err)
}

// MakeKeys writes a new key store; with a seed its masters are test masters, which anybody can
// reproduce. With dry it only checks whether it could.
func MakeKeys(path string, seed uint64, passphrase string, dry bool) error {
	store := keys.GenerateTest(seed)
	if seed == 0 {
		var err error
		if store, err = keys.Generate(rand.Reader); err != nil {
			return language.Textf("make masters: %w", err)
		}
	}
	write := func() error { return store.Create(path, passphrase) }
	if dry {
		write = func() error { return absent(path) }
	}
	switch err := write(); {
	case errors.Is(err, fs.ErrExist):
		return service.Fail("%s exists", path).Todo("keys in use are never replaced; name another file")
	case errors.Is(err, keys.ErrBusy):
		return service.Fail("somebody else is making %s", path).Todo("use the store that is there now").Because(err)
	case err != nil:
		return CannotWriteKeys(path, err)
	}
	return nil
}

// CannotWriteKeys says that a key store cannot be written.
func CannotWriteKeys(path string, err error) error {
	return service.Fail("cannot write %s", path).Todo("check the directory").Because(err)
}

// absent returns an fs.ErrExist if there is a file.
func absent(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fs.ErrExist
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}
