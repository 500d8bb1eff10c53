package main

import (
	"context"
	"crypto/ed25519"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/message"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
)

func publishKeyCommand() *ffcli.Command {
	return group("publish-key", "the key that signs what terminals follow", "", publishKeyMakeCommand(), publishKeyNextCommand(), publishKeyShowCommand())
}

func publishKeyMakeCommand() *ffcli.Command {
	c := newCommand("publish-key make", "", "make the publishing key of a city, once",
		"Writes publish.key into the data directory and prints the public key, which each terminal is given at its\n"+
			"installation (cardterm --publisher). A city has one publishing key: copy the file to every machine that serves, and\n"+
			"back it up. Restart serve afterwards.")
	return publishKeyChange(c, server.MakePublishKey)
}

func publishKeyNextCommand() *ffcli.Command {
	c := newCommand("publish-key next", "", "make the publishing key's successor",
		"The old key signs the new one and is gone then. Terminals take the new key by themselves, however many there were in\n"+
			"between, since the file keeps what each key has signed. Copy the file to every machine that serves, and restart\n"+
			"serve. A key that is lost has no successor: each terminal needs the new public key then.")
	return publishKeyChange(c, server.NextPublishKey)
}

func publishKeyChange(c *command, change func(dir string, dry bool) (ed25519.PublicKey, error)) *ffcli.Command {
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
		public, err := change(c.Data, c.dry)
		if err != nil {
			return err
		}
		if c.dry {
			c.Print("%s: made; its public key is printed then", server.PublishKeyPath(c.Data))
			return nil
		}
		c.Print("%s: made; back it up\n%x", server.PublishKeyPath(c.Data), []byte(public))
		return nil
	})
}

func publishKeyShowCommand() *ffcli.Command {
	c := newCommand("publish-key show", "", "print the public key, for cardterm --publisher", "")
	return c.runs(func(context.Context) error {
		signer, err := server.ReadPublishKey(c.Data)
		if err != nil {
			return err
		}
		c.Print("%x", []byte(message.PublicOf(signer.Key)))
		return nil
	})
}
