package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"
	_ "time/tzdata" // a terminal may have no zone files

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/terminals/reader"
)

func main() { os.Exit(service.Run("cardterm", rootCommand())) }

func rootCommand() *ffcli.Command {
	root := agentCommand()
	root.Subcommands = []*ffcli.Command{readCommand(), traceCommand(), issueCommand(), stationCommand(), counterCommand(), listCommand(), doctorCommand(), outboxCommand(), service.VersionCommand("cardterm")}
	return root
}

// readerFlags choose a reader and how long to wait for a card.
type readerFlags struct {
	name string
	wait time.Duration
}

func (r *readerFlags) register(flags *flag.FlagSet, wait time.Duration) {
	flags.StringVar(&r.name, "reader", "", "`NAME` of the reader, or a part of it; the first one where empty")
	flags.DurationVar(&r.wait, "wait", wait, "wait for a card for `DURATION`, 0 for ever")
}

// open opens the reader and waits for a card.
func (r *readerFlags) open(ctx context.Context, readers *reader.Observer) (*reader.Reader, *reader.Card, error) {
	rd, err := readers.Open(ctx, r.name)
	if err != nil {
		return nil, nil, err
	}
	card, err := r.card(ctx, rd)
	if err != nil {
		return nil, nil, errors.Join(err, rd.Close())
	}
	return rd, card, nil
}

func (r *readerFlags) card(ctx context.Context, rd *reader.Reader) (*reader.Card, error) {
	if r.wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.wait)
		defer cancel()
	}
	return rd.WaitCard(ctx)
}

// keyFlags name the key file and the source of its passphrase.
type keyFlags struct {
	path       string
	passphrase string // the file of it
	demo       bool   // TEST masters may be used
}

func (k *keyFlags) register(flags *flag.FlagSet) {
	k.registerAlone(flags)
	service.RegisterDemo(flags, &k.demo)
}

// registerAlone registers them without --demo, for a command that has it already.
func (k *keyFlags) registerAlone(flags *flag.FlagSet) {
	flags.StringVar(&k.path, "keys", "", "`FILE` of the key store")
	service.RegisterPassphrase(flags, &k.passphrase)
}

func (k *keyFlags) open() (*keys.Store, error) {
	if k.path == "" {
		return nil, service.Fail("no key file").Todo("give --keys FILE")
	}
	passphrase, err := service.Passphrase(k.passphrase)
	if err != nil {
		return nil, err
	}
	store, err := keys.Open(k.path, passphrase)
	if err != nil {
		return nil, service.Fail("cannot open the key file %s", k.path).Todo("check the path and the passphrase").Because(err)
	}
	if err := service.AllowKeys(store.Test(), k.path, k.demo); err != nil {
		return nil, err
	}
	return store, nil
}
