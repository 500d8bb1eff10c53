package main

import (
	"context"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
)

func sealKeyCommand() *ffcli.Command {
	return group("seal-key", "the key that signs sealed days", "", sealKeyMakeCommand(), sealKeyShowCommand())
}

func sealKeyMakeCommand() *ffcli.Command {
	c := newCommand("seal-key make", "", "make the seal key of a city, once",
		"Writes seal.key into the data directory and prints the public key, by which everybody else verifies the seals.\n"+
			"A city has one seal key: where days are sealed on another machine too, copy the file there. It is never replaced,\n"+
			"and nothing makes it again: back it up.")
	c.registerDry(&c.dry)
	return c.runs(func(context.Context) error {
		// A serving process holds the directory, and may go on.
		if !service.Marked(c.Data, books.DataPurpose) {
			release, err := c.takeDir()
			if err != nil {
				return err
			}
			defer release()
		}
		public, err := server.MakeSealKey(c.Data, c.dry)
		if err != nil {
			return err
		}
		if c.dry {
			c.Print("%s: made; its public key is printed then", server.SealKeyPath(c.Data))
			return nil
		}
		c.Print("%s: made; back it up, and give the public key to everybody who verifies\n%x", server.SealKeyPath(c.Data), []byte(public))
		return nil
	})
}

func sealKeyShowCommand() *ffcli.Command {
	c := newCommand("seal-key show", "", "print the public key, for verify --signer", "")
	return c.runs(func(context.Context) error {
		private, err := server.ReadSealKey(c.Data)
		if err != nil {
			return err
		}
		c.Print("%x", []byte(server.PublicOf(private)))
		return nil
	})
}
