package service

import (
	"bytes"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"citycard/language"

	"github.com/jackc/pgx/v5"
)

const (
	databaseFlag     = "db"
	passwordFileFlag = "db-password-file"
)

// RegisterDatabase adds --db and --db-password-file. Run puts the password of the file into the
// URL, so *at then has everything that a connection needs.
func RegisterDatabase(flags *flag.FlagSet, at *string, usage string) {
	flags.StringVar(at, databaseFlag, "", usage)
	flags.String(passwordFileFlag, "", "`file` of the password of --db")
}

// completeDatabase puts the password of its file into the database's URL. warning is a text about a
// password on the command line, nil if there is none.
func completeDatabase(flags *flag.FlagSet, args []string) (warning *language.Text, err error) {
	database, file := flags.Lookup(databaseFlag), flags.Lookup(passwordFileFlag)
	if database == nil || file == nil {
		return nil, nil
	}
	at, path := database.Value.String(), file.Value.String()
	inURL := hasPassword(at)
	if inURL && slices.ContainsFunc(args, func(arg string) bool { return strings.Contains(arg, at) }) {
		warning = language.Textf("the password of --db stands on the command line, where everybody on this machine can read it; put it into --db-password-file")
	}
	switch {
	case path == "":
		return warning, nil
	case at == "":
		return nil, usage("--db-password-file without --db").Todo("give the database's URL with --db")
	case inURL:
		return nil, usage("--db has a password, and --db-password-file too").Todo("leave one of them out")
	}
	text, err := os.ReadFile(path)
	password := string(bytes.TrimRight(text, "\r\n"))
	if err == nil && password == "" {
		err = language.Textf("%s is empty", path)
	}
	if err != nil {
		return nil, usage("cannot read the database's password").Todo("correct --db-password-file").Because(err)
	}
	complete, err := withPassword(at, password)
	if err != nil {
		return nil, err
	}
	return nil, database.Value.Set(complete)
}

// hasPassword reports whether the text has a password itself; a password from the environment or
// .pgpass does not count.
func hasPassword(at string) bool {
	if u, err := url.Parse(at); err == nil && u.Scheme != "" {
		_, inUser := u.User.Password()
		return inUser || u.Query().Has("password")
	}
	return strings.Contains(at, "password=") || strings.Contains(at, "://") && strings.Contains(at, "@")
}

// withPassword adds a password to a URL, or to a text of names and values.
func withPassword(at, password string) (string, error) {
	u, err := url.Parse(at)
	switch {
	case err == nil && u.Scheme != "" && u.User.Username() == "":
		return "", usage("--db names no user").Todo("write it as postgres://USER@HOST/DATABASE")
	case err == nil && u.Scheme != "":
		u.User = url.UserPassword(u.User.Username(), password)
		return u.String(), nil
	}
	complete := fmt.Sprintf("%s password='%s'", at, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password))
	if _, err := pgx.ParseConfig(complete); err != nil {
		return "", usage("--db is no URL of a database").Todo("write it as postgres://USER@HOST/DATABASE")
	}
	return complete, nil
}
