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
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

func personTokenCommand() *ffcli.Command {
	c := newCommand("person-token", "", "make persons' tokens out of identity numbers",
		"Reads one identity number a line from standard input and prints its token in the same line: what persons.csv,\n"+
			"hospitals and the pension office know a person by. A number stands in no flag, since process lists show those.\n"+
			"Where a line is no number, nothing is printed at all.")
	c.cli.ShortUsage += " < NUMBERS"
	s := server.Settings{}
	c.flags.StringVar(&s.Keys, "keys", "", "key store `file`; empty: keys.age in the data directory")
	service.RegisterPassphrase(c.flags, &s.Passphrase)
	service.RegisterDemo(c.flags, &s.Demo)
	return c.runs(func(context.Context) error {
		ring, err := server.OpenKeys(s.KeyPath(c.Data), s.Passphrase, s.Demo, slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		text, err := personTokens(os.Stdin, ring.Store())
		if err != nil {
			return service.Fail("no tokens are made").Todo("correct the list").Because(err)
		}
		_, err = io.WriteString(os.Stdout, text)
		return err
	})
}

// numberLength is that of a citizen's identity number (GB 11643).
const numberLength = 18

// personTokens makes the tokens of a list. An error names the number of the line and shows none of
// its text.
func personTokens(list io.Reader, store *keys.Store) (string, error) {
	var tokens strings.Builder
	lines := bufio.NewScanner(list)
	for n := 1; lines.Scan(); n++ {
		number := strings.TrimSuffix(lines.Text(), "\r")
		if len(number) != numberLength || strings.Trim(strings.TrimSuffix(number, "X"), "0123456789") != "" {
			return "", language.Textf("line %d: want an identity number of %d characters, digits and perhaps a capital X at the end", n, numberLength)
		}
		fmt.Fprintf(&tokens, "%x\n", store.PersonToken(number))
	}
	if err := lines.Err(); err != nil {
		return "", err
	}
	if tokens.Len() == 0 {
		return "", language.Textf("there is no number in it")
	}
	return tokens.String(), nil
}
