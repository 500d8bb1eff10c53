package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keys"
	"citycard/clearing/persons"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

func personTokenCommand() *ffcli.Command {
	c := newCommand("person-token", "", "make persons' tokens out of identity numbers",
		"Reads one certificate's number a line from standard input and prints its token in the same line: what\n"+
			"persons.csv, hospitals and the pension office know a person by. A number stands in no flag, since process\n"+
			"lists show those. Where a line is no number, nothing is printed at all.")
	c.cli.ShortUsage += " < NUMBERS"
	keyStore := c.registerKeys()
	return c.runs(func(ctx context.Context) error {
		held, err := keyStore.open(ctx)
		if err != nil {
			return err
		}
		text, err := personTokens(os.Stdin, held)
		if err != nil {
			return service.Fail("no tokens are made").Todo("correct the list").Because(err)
		}
		_, err = io.WriteString(os.Stdout, text)
		return err
	})
}

// keyStoreFlags are the flags by which a command opens the key store.
type keyStoreFlags struct {
	of *command
	server.Settings
}

func (c *command) registerKeys() *keyStoreFlags {
	k := &keyStoreFlags{of: c}
	c.flags.StringVar(&k.Keys, "keys", "", "key store `file`; empty: keys.age in the data directory")
	service.RegisterPassphrase(c.flags, &k.Passphrase)
	k.KeyService.Register(c.flags)
	service.RegisterDemo(c.flags, &k.Demo)
	return k
}

func (k *keyStoreFlags) open(ctx context.Context) (*keys.Held, error) {
	return k.Held(ctx, k.of.Data, slog.New(slog.DiscardHandler))
}

// personTokens makes the tokens of a list. An error names the number of the line and shows none of
// its text.
func personTokens(list io.Reader, held *keys.Held) (string, error) {
	var tokens strings.Builder
	lines := bufio.NewScanner(list)
	for n := 1; lines.Scan(); n++ {
		certificate, wrong := persons.ParseCertificate(lines.Text())
		if wrong != nil {
			return "", language.Textf("line %d: %w", n, wrong)
		}
		fmt.Fprintf(&tokens, "%x\n", held.PersonToken(certificate.Number))
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	if tokens.Len() == 0 {
		return "", language.Textf("there is no number in it")
	}
	return tokens.String(), nil
}
