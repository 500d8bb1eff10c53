package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"strconv"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/dayclose"
	"citycard/clearing/message"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

func sealKeyCommand() *ffcli.Command {
	return group("seal-key", "the key that signs sealed days", "", sealKeyMakeCommand(), sealKeyPinCommand(), sealKeyShowCommand(), sealKeyListCommand())
}

func sealKeyMakeCommand() *ffcli.Command {
	c := newCommand("seal-key make", "", "make the seal key of a city, once",
		"Writes seal.key into the data directory and prints the public key, by which everybody else verifies the seals.\n"+
			"A city has one seal key: where days are sealed on another machine too, copy the file there. It is never replaced,\n"+
			"and nothing makes it again: back it up. Days are sealed with it once two people have pinned it: citycard seal-key pin.")
	return c.makesKey(server.SealKeyPath, server.MakeSealKey, func(path string, public []byte) {
		c.Print("%s: made; back it up, and give the public key to everybody who verifies\n%x", path, public)
	})
}

// makesKey completes a command that makes a key in the data directory. told says so.
func (c *command) makesKey(
	path func(dir string) string, build func(dir string, dry bool) (ed25519.PublicKey, error), told func(path string, public []byte),
) *ffcli.Command {
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
		public, err := build(c.Data, c.dry)
		if err != nil {
			return err
		}
		if c.dry {
			c.Print("%s: made; its public key is printed then", path(c.Data))
			return nil
		}
		told(path(c.Data), public)
		return nil
	})
}

func sealKeyPinCommand() *ffcli.Command {
	p := newProposing("seal-key pin", "[--key KEY]", "propose, as a keeper, to pin the seal key in the books",
		"Once another keeper has approved it, days are sealed with this key alone, and whoever verifies learns from the books\n"+
			"which key sealed which day. Where a key was lost, make another and pin it: what the lost one sealed stays sealed by\n"+
			"that. All who verify then need the new public key.")
	named := p.flags.String("key", "", "the public `KEY`, in hex or a file that has it; empty: of the data directory's seal.key")
	return proposes(p, chain.ActPinSealKey, func(context.Context) (dayclose.PinRequest, error) {
		key, err := p.keyToPin(*named)
		return dayclose.PinRequest{Key: hex.EncodeToString(key)}, err
	})
}

// keyToPin is the named public key, or that of the data directory.
func (c *command) keyToPin(named string) (ed25519.PublicKey, error) {
	if named != "" {
		key, err := namedKey("--key", named)
		return key, err
	}
	private, err := server.ReadSealKey(c.Data)
	if err != nil {
		return nil, err
	}
	return message.PublicOf(private), nil
}

func sealKeyShowCommand() *ffcli.Command {
	c := newCommand("seal-key show", "", "print the public key, for verify --signer", "")
	return c.runs(func(context.Context) error {
		private, err := server.ReadSealKey(c.Data)
		if err != nil {
			return err
		}
		c.Print("%x", []byte(message.PublicOf(private)))
		return nil
	})
}

// sealKeyLine is a key that was pinned, as it is printed.
type sealKeyLine struct {
	Key    string    `json:"key"`
	Audit  int64     `json:"audit"`
	At     time.Time `json:"at"`
	First  string    `json:"first"`
	Second string    `json:"second"`
	Reason string    `json:"reason"`
}

func (k sealKeyLine) cells(language.Language) []string {
	return []string{k.Key, strconv.FormatInt(k.Audit, 10), k.At.Format(time.RFC3339), k.First, k.Second, k.Reason}
}

func sealKeyListCommand() *ffcli.Command {
	c := newCommand("seal-key list", "", "the keys that were pinned in the books, the last one in force", "")
	return c.reads(func(ctx context.Context, b *books.Books) error {
		keys, err := b.SealKeys(ctx)
		if err != nil {
			return err
		}
		zone, err := server.Zone(ctx, b.Ledger)
		if err != nil {
			return err
		}
		return listAll(c, "KEY\t>AUDIT\tAT\tBY\tAND\tREASON", sealKeyLine.cells, sealKeyLines(keys, zone))
	})
}

func sealKeyLines(keys []ledger.SealKey, zone *time.Location) (lines []sealKeyLine) {
	for _, key := range keys {
		e := &key.Entry
		lines = append(lines, sealKeyLine{hex.EncodeToString(key.Key), e.Number, e.At.In(zone), e.First, e.Second, e.Reason})
	}
	return lines
}
