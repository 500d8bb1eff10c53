package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/observe"
	"citycard/cmd/service"
)

const sealKeyType = "CITYCARD SEAL KEY"

func sealKeyPath(dir string) string { return filepath.Join(dir, "seal.key") }

func sealKeyCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "seal-key", ShortUsage: "citycard seal-key <make|show> [flags]", ShortHelp: "the key that signs sealed days / 封账密钥",
		FlagSet:     flag.NewFlagSet("citycard seal-key", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{sealKeyMakeCommand(), sealKeyShowCommand()},
		Exec:        func(context.Context, []string) error { return flag.ErrHelp },
	}
}

func sealKeyMakeCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard seal-key make", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	return &ffcli.Command{
		Name: "make", ShortUsage: "citycard seal-key make [flags]", ShortHelp: "make the seal key of a city, once / 生成封账密钥",
		LongHelp: "Writes seal.key into the data directory and prints the public key, by which everybody else verifies the seals.\n" +
			"A city has one seal key: where days are sealed on another machine too, copy the file there. It is never replaced,\n" +
			"and nothing makes it again: back it up.",
		FlagSet: flags,
		Exec: func(_ context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			// A serving process holds the directory, and may go on.
			if !service.Marked(common.Data, observe.DataPurpose) {
				dir, err := service.OpenDataDir(common.Data, observe.DataPurpose)
				if err != nil {
					return err
				}
				defer dir.Close()
			}
			public, err := makeSealKey(common.Data)
			if err != nil {
				return err
			}
			fmt.Printf("%s: made; back it up, and give the public key to everybody who verifies / 已生成,请备份,并将公钥交给核验方\n%x\n", sealKeyPath(common.Data), []byte(public))
			return nil
		},
	}
}

func sealKeyShowCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard seal-key show", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	return &ffcli.Command{
		Name: "show", ShortUsage: "citycard seal-key show [flags]", ShortHelp: "print the public key, for verify --signer / 显示封账公钥", FlagSet: flags,
		Exec: func(_ context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			private, err := readSealKey(common.Data)
			if err != nil {
				return err
			}
			fmt.Printf("%x\n", []byte(publicOf(private)))
			return nil
		},
	}
}

// makeSealKey makes the seal key of a data directory, which must have none.
func makeSealKey(dir string) (ed25519.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a seal key: %w", err)
	}
	path := sealKeyPath(dir)
	err = writeSecret(path, pem.EncodeToMemory(&pem.Block{Type: sealKeyType, Bytes: private.Seed()}))
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil, service.Fail(path+" exists / 封账密钥已存在", "a seal key is never replaced; citycard seal-key show prints its public key", nil)
	case err != nil:
		return nil, service.Fail("cannot write "+path+" / 无法写入封账密钥", "check the directory", err)
	}
	return public, nil
}

// readSealKey reads the key that signs sealed days.
func readSealKey(dir string) (ed25519.PrivateKey, error) {
	path := sealKeyPath(dir)
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

func publicOf(private ed25519.PrivateKey) ed25519.PublicKey {
	public, _ := private.Public().(ed25519.PublicKey)
	return public
}

// writeSecret makes a new file that only its owner may read: whole and on disk, or none. Where
// there is one it fails with fs.ErrExist.
func writeSecret(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
