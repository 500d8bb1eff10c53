package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
)

func keysCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard keys", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	file := flags.String("keys", "", "key store `file` to make; empty: keys.age in the data directory / 密钥库文件")
	var passphraseFile string
	service.RegisterPassphrase(flags, &passphraseFile)
	rotate := flags.Bool("rotate", false, "add new masters for transit cards to the store, under the next version; cards that are out keep theirs / 轮换主密钥")
	seed := flags.Uint64("seed", 0, "make TEST masters from this `number`, the same ones each time; 0: random ones / 测试种子")
	return &ffcli.Command{
		Name:       "keys",
		ShortUsage: "citycard keys [flags]",
		ShortHelp:  "make a key store, or rotate its masters / 生成密钥库或轮换主密钥",
		LongHelp: "Makes a store with new random masters, encrypted under the passphrase of --keys-passphrase-file or\n" +
			service.PassphraseVariable + ". An existing file is never replaced. With --seed they are TEST masters, which serve and cardterm refuse without --demo. With --rotate a\n" +
			"store gets another generation of masters beside those that it holds: new cards are made with it, the cards of all\n" +
			"generations are served. What was there is kept beside it. A running serve takes it up by itself; counters do when\n" +
			"they start; gates and validators whose SAM does not hold the new version refuse new cards until it is rekeyed.",
		FlagSet: flags,
		Exec: func(_ context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			passphrase, err := service.Passphrase(passphraseFile)
			if err != nil {
				return err
			}
			s := server.Settings{Keys: *file}
			if *rotate { // under the store's own lock: whoever uses the data directory goes on
				return rotateKeys(s.KeyPath(common.Data), *seed, passphrase)
			}
			if *file == "" {
				dir, err := service.OpenDataDir(common.Data, books.DataPurpose)
				if err != nil {
					return err
				}
				defer dir.Close()
			}
			if err := server.MakeKeys(s.KeyPath(common.Data), *seed, passphrase); err != nil {
				return err
			}
			kind := "random masters; back up the file and its passphrase / 随机主密钥,请备份文件与口令"
			if *seed != 0 {
				kind = "TEST masters, never for real cards / 测试主密钥,不得用于正式卡片"
			}
			fmt.Printf("%s: %s\n", s.KeyPath(common.Data), kind)
			return nil
		},
	}
}

// rotateKeys adds a generation of masters to a key store.
func rotateKeys(path string, seed uint64, passphrase string) error {
	if seed != 0 {
		return service.Fail("--rotate makes random masters / 轮换不用种子", "leave --seed out", nil)
	}
	store, err := keys.RotateFile(path, passphrase, rand.Reader)
	switch {
	case errors.Is(err, keys.ErrBusy), errors.Is(err, keys.ErrChanged):
		return service.Fail("somebody else is changing "+path+" / 密钥库正被他人修改", "try again; the store is as it was", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, keys.ErrPassphrase), errors.Is(err, keys.ErrStoreFormat):
		return server.CannotOpenKeys(path, err)
	case err != nil:
		return service.Fail("cannot rotate "+path+" / 无法轮换密钥", "check the directory; the store is as it was", err)
	}
	fmt.Printf("new cards get keys of version %d / 新卡密钥版本 %d\n", store.Version(), store.Version())
	return nil
}
