package main

import (
	"context"
	"errors"
	"slices"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/hsm"
	"citycard/cardos/keys"
	"citycard/cmd/keyserver"
	"citycard/cmd/service"
)

func batchCommand() *ffcli.Command {
	c := begin("batch")
	c.registerToken(c.flags)
	c.registerDry()
	var batch keyserver.BatchFlags
	batch.Register(c.flags)
	return newCommand(
		c, "batch", "bring the transport key of a batch of blank cards into a token",
		"A file has a line of 32 hexadecimal digits. Given for each of several files, they are components and are combined by\n"+
			"XOR. In the token keys are derived from it, it does nothing else and cannot be read. The check value must be the one\n"+
			"that the maker of the blanks states; cardhsm list shows another one, as of masters.",
		func(ctx context.Context) error {
			key, err := batch.Key()
			if err != nil {
				return err
			}
			return c.within(func(token *hsm.Token) error { return c.takesBatch(ctx, token, batch.Name, key) })
		},
	)
}

func (c *command) takesBatch(ctx context.Context, token *hsm.Token, batch string, key keys.Key) error {
	add := token.AddTransport
	if c.dry {
		add = wouldAdd(token)
	}
	err := add(ctx, batch, key)
	switch {
	case errors.Is(err, keys.ErrBatchName), errors.Is(err, keys.ErrBatchKey):
		return service.Exit(service.ExitUsage, service.Fail("no batch is added").Todo("correct --batch and --batch-key-file").Because(err))
	case errors.Is(err, keys.ErrBatchKnown):
		return service.Refuse("no batch is added").Todo("give the batch another name").Because(err)
	case err != nil:
		return explain(err)
	}
	if c.dry {
		c.Print("the transport key of batch %s would be in the token; its check value is %s", batch, keys.TransportCheck(key))
		return nil
	}
	c.Print("the transport key of batch %s is in the token; its check value is %s: compare it with the maker's", batch, keys.TransportCheck(key))
	return nil
}

// wouldAdd checks what Token.AddTransport checks, and adds nothing.
func wouldAdd(token *hsm.Token) func(context.Context, string, keys.Key) error {
	return func(ctx context.Context, batch string, key keys.Key) error {
		if err := keys.CheckTransport(batch, key); err != nil {
			return err
		}
		there, err := token.Batches(ctx)
		if err == nil && slices.ContainsFunc(there, func(b hsm.Batch) bool { return b.Name == batch && b.Check != keys.CheckValue(key) }) {
			err = keys.ErrBatchKnown
		}
		return err
	}
}
