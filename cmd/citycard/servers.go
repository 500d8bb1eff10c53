package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
)

// knows makes sure that a server elsewhere has the books that it had before, and has everything
// that is signed be of these. The user's own file of servers has one line for each time that books
// were taken as a server's: host and port, a blank, the identity of the books. The last one of a
// server counts.
func (c *command) knows(ctx context.Context, client *api.Client) error {
	of, err := client.Books(ctx)
	if err != nil {
		return refusedBy(language.Textf("nothing is done"), err)
	}
	server, nothing := serverOf(client.Host()), language.Textf("nothing is signed")
	if !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(of.Books) {
		return service.Refuse("%w", nothing).Todo("correct --server").Because(language.Textf("%s names no books", server))
	}
	if c.books != "" && c.books != of.Books {
		return service.Refuse("%w", nothing).Todo("ask the people of that server which books it has").
			Because(language.Textf("%s has the books %s, and --books says %s", server, of.Books, c.books))
	}
	path, was, err := knownBooks(server)
	switch {
	case err != nil:
	case was == of.Books:
	case was == "" || c.books != "":
		err = noteServer(path, server, of.Books)
	default:
		return service.Refuse("%w", nothing).
			Todo("ask the people of that server; if it has other books now, give --books %s once", of.Books).
			Because(language.Textf("%s has the books %s, and had %s before, as %s has it", server, of.Books, was, path))
	}
	if err != nil && c.books == "" {
		return service.Fail("%w", nothing).Todo("set HOME to a folder of yours, or name the server's books with --books").
			Because(language.Textf("which books %s has cannot be kept: %w", server, err))
	}
	if was == "" && c.books == "" {
		c.Say("%s is asked for the first time: it has the books %s, and is held to them from now on (%s)", server, of.Books, path)
	}
	client.Of(of.Books)
	return nil
}

// serverOf is host and port of a server, always written alike.
func serverOf(host string) string {
	host = strings.ToLower(host)
	if _, _, err := net.SplitHostPort(host); err != nil {
		host += ":443"
	}
	return host
}

// knownBooks reads which books a server had before; was is empty if it was never asked.
func knownBooks(server string) (path, was string, err error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", "", err
	}
	path = filepath.Join(dir, "citycard", "servers")
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, "", nil
	}
	if err != nil {
		return path, "", err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) != 2 {
			return path, "", language.Textf("%s, line %d: want HOST:PORT and the identity of books", path, n)
		}
		if fields[0] == server {
			was = fields[1]
		}
	}
	return path, was, lines.Err()
}

// noteServer appends which books a server has.
func noteServer(path, server, books string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, "%s %s\n", server, books)
	return errors.Join(err, file.Sync(), file.Close())
}
