package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/cmd/keyserver"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

// keyMaking holds the flags of citycard keys.
type keyMaking struct {
	*command
	path       string
	passphrase string // the file of it
	rotate     bool
	seed       uint64
	batch      keyserver.BatchFlags // of blanks
}

func keysCommand() *ffcli.Command {
	k := &keyMaking{command: newCommand("keys", "", "make a key store, or rotate its masters",
		"Makes a store with new random masters, encrypted under the passphrase of --keys-passphrase-file or\n"+
			service.PassphraseVariable+". An existing file is never replaced. With --seed they are TEST masters, which serve and\n"+
			"cardterm refuse without --demo. With --rotate a store gets another generation of masters beside those that it\n"+
			"holds: new cards are made with it, the cards of all generations are served. What was there is kept beside it. A\n"+
			"running serve takes it up by itself; counters do when they start; gates and validators whose SAM does not hold\n"+
			"the new version refuse new cards until it is rekeyed.\n\n"+
			"With --batch a store gets the transport key of a batch of blank cards, which --batch-key-file has: a line of 32\n"+
			"hexadecimal digits. Given for each of several files, they are components and are combined by XOR. It prints the check value, which must be\n"+
			"the one that the maker of the blanks states.")}
	k.registerDry(&k.dry)
	k.flags.StringVar(&k.path, "keys", "", "key store `file` to make; empty: keys.age in the data directory")
	service.RegisterPassphrase(k.flags, &k.passphrase)
	k.flags.BoolVar(&k.rotate, "rotate", false, "add new masters for transit cards to the store, under the next version; cards that are out keep theirs")
	k.flags.Uint64Var(&k.seed, "seed", 0, "make TEST masters from this `number`, the same ones each time; 0: random ones")
	k.batch.Register(k.flags)
	return k.runs(func(context.Context) error {
		passphrase, err := service.Passphrase(k.passphrase)
		if err != nil {
			return err
		}
		s := server.Settings{Keys: k.path}
		path := s.KeyPath(k.Data)
		if k.batch.Given() {
			return k.takesBatch(path, passphrase)
		}
		if k.rotate { // under the store's own lock: the programs that use the data directory go on
			return k.rotates(path, passphrase)
		}
		return k.makes(path, passphrase)
	})
}

// makes makes a key store.
func (k *keyMaking) makes(path, passphrase string) error {
	if k.path == "" {
		release, err := k.takeDir()
		if err != nil {
			return err
		}
		defer release()
	} else if _, err := os.Stat(filepath.Dir(path)); err != nil && k.dry {
		return server.CannotWriteKeys(path, err) // the directory of --keys is not made
	}
	if err := server.MakeKeys(path, k.seed, passphrase, k.dry); err != nil {
		return err
	}
	if k.seed != 0 {
		k.Print("%s: TEST masters, never for real cards", path)
	} else {
		k.Print("%s: random masters; back up the file and its passphrase", path)
	}
	return nil
}

// rotates adds a generation of masters to a key store.
func (k *keyMaking) rotates(path, passphrase string) error {
	if k.seed != 0 {
		return service.Fail("--rotate makes random masters").Todo("leave --seed out")
	}
	rotate := keys.RotateFile
	if k.dry {
		rotate = rotated
	}
	store, err := rotate(path, passphrase, rand.Reader)
	switch {
	case errors.Is(err, keys.ErrBusy), errors.Is(err, keys.ErrChanged):
		return service.Fail("somebody else is changing %s", path).Todo("try again; the store is as it was").Because(err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, keys.ErrPassphrase), errors.Is(err, keys.ErrStoreFormat):
		return server.CannotOpenKeys(path, err)
	case err != nil:
		return service.Fail("cannot rotate %s", path).Todo("check the directory; the store is as it was").Because(err)
	}
	k.Print("new cards get keys of version %d", store.Version())
	return nil
}

// rotated returns what keys.RotateFile would make of a store, and writes nothing.
func rotated(path, passphrase string, random io.Reader) (*keys.Store, error) {
	store, err := keys.Open(path, passphrase)
	if err == nil {
		store, err = store.Rotate(random)
	}
	if err != nil {
		return nil, language.Textf("rotate keys %s: %w", path, err)
	}
	return store, nil
}

// takesBatch adds the transport key of a batch of blanks to a key store.
func (k *keyMaking) takesBatch(path, passphrase string) error {
	if k.rotate || k.seed != 0 || k.batch.Name == "" {
		return service.Exit(service.ExitUsage, language.Textf("--batch NAME and --batch-key-file FILE go together, without --rotate and --seed"))
	}
	key, err := k.batch.Key()
	if err != nil {
		return err
	}
	add := keys.AddTransport
	if k.dry {
		add = wouldAdd
	}
	switch err := add(path, passphrase, k.batch.Name, key); {
	case errors.Is(err, keys.ErrBatchName), errors.Is(err, keys.ErrBatchKey):
		return service.Exit(service.ExitUsage, service.Fail("no batch is added").Todo("correct --batch and --batch-key-file").Because(err))
	case errors.Is(err, keys.ErrBatchKnown), errors.Is(err, keys.ErrBatches):
		return service.Refuse("no batch is added").Todo("give the batch another name").Because(err)
	case errors.Is(err, keys.ErrBusy), errors.Is(err, keys.ErrChanged):
		return service.Fail("somebody else is changing %s", path).Todo("try again; the store is as it was").Because(err)
	case err != nil:
		return server.CannotOpenKeys(path, err)
	}
	if k.dry {
		k.Print("the transport key of batch %s would be in %s; its check value is %s", k.batch.Name, path, keys.TransportCheck(key))
		return nil
	}
	k.Print("the transport key of batch %s is in %s; its check value is %s: compare it with the maker's", k.batch.Name, path, keys.TransportCheck(key))
	return nil
}

// wouldAdd does what keys.AddTransport does, and writes nothing.
func wouldAdd(path, passphrase, batch string, key keys.Key) error {
	store, err := keys.Open(path, passphrase)
	if err == nil {
		_, err = store.WithTransport(batch, key)
	}
	return err
}
