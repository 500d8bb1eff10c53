package main

import (
	"context"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/message"
	"citycard/cmd/server"
)

func publishKeyCommand() *ffcli.Command {
	return group("publish-key", "the key that signs what terminals follow", "", publishKeyMakeCommand(), publishKeyNextCommand(), publishKeyShowCommand())
}

func publishKeyMakeCommand() *ffcli.Command {
	c := newCommand("publish-key make", "", "make the publishing key of a city, once",
		"Writes publish.key into the data directory and prints the public key, which each terminal is given at its\n"+
			"installation (cardterm --publisher). A city has one publishing key: copy the file to every machine that serves, and\n"+
			"back it up. Restart serve afterwards.")
	return c.makesKey(server.PublishKeyPath, server.MakePublishKey, c.publishKeyMade)
}

func publishKeyNextCommand() *ffcli.Command {
	c := newCommand("publish-key next", "", "make the publishing key's successor",
		"The old key signs the new one and is gone then. Terminals take the new key by themselves, however many there were in\n"+
			"between, since the file keeps what each key has signed. Copy the file to every machine that serves, and restart\n"+
			"serve. A key that is lost has no successor: each terminal needs the new public key then.")
	return c.makesKey(server.PublishKeyPath, server.NextPublishKey, c.publishKeyMade)
}

func (c *command) publishKeyMade(path string, public []byte) {
	c.Print("%s: made; back it up\n%x", path, public)
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
