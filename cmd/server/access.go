package server

import (
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
)

// IssueToken issues a token to a unit, good for a number of days. With a path the token is written
// into a new file there, which only its owner may read, before it opens anything: so there is no
// credential whose token nobody has. With dry no file is written. issue does the act; the file goes
// again if it surely was not done, as notDone tells.
func IssueToken(unit people.Unit, days int, path string, dry bool, issue func(access.Order) (access.Credential, error), notDone func(error) bool) (c access.Credential, token string, err error) {
	token = access.NewToken()
	if err := keepToken(path, token, dry); err != nil {
		return c, "", service.Fail("no token was issued").Todo("correct --out").Because(err)
	}
	c, err = issue(access.Order{Unit: unit, Kind: access.Token, Hash: access.HashToken(token), Days: days})
	if err != nil && path != "" && !dry && notDone(err) {
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
