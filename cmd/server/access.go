package server

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/clearing/people"
	"citycard/clearing/people/access"
	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/ledger"
)

// IssueToken issues a token to a unit, good for a number of days. With a path the token is written
// into a new file there, which only its owner may read, before it opens anything: so there is no
// credential whose token nobody has. by is who does it, given what is done.
func IssueToken(ctx context.Context, l *ledger.Ledger, unit people.Unit, days int, path string, by func(what string) (ledger.Approval, error)) (c access.Credential, token string, err error) {
	token = access.NewToken()
	order := access.Order{Unit: unit, Kind: access.Token, Hash: access.HashToken(token), Days: days}
	approval, err := by(order.What())
	if err != nil {
		return c, "", err
	}
	if err := keepToken(path, token, l.Rehearses()); err != nil {
		return c, "", service.Fail("no token was issued").Todo("correct --out").Because(err)
	}
	c, err = (&access.Store{Ledger: l}).Issue(ctx, order, approval)
	if err != nil && path != "" && !l.Rehearses() && !errors.Is(err, ledger.ErrOutcomeUnknown) {
		err = errors.Join(err, os.Remove(path))
	}
	return c, token, err
}

// keepToken writes a token into a new file. With dry it only sees whether it could.
func keepToken(path, token string, dry bool) error {
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return language.Textf("%s is there already", path)
	}
	if dry {
		return service.CheckDirectory(filepath.Dir(path))
	}
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	err := durable.WriteNew(path, func(w io.Writer) error {
		_, err := io.WriteString(w, token+"\n")
		return err
	})
	if errors.Is(err, fs.ErrExist) {
		return language.Textf("%s is there already", path)
	}
	return err
}
