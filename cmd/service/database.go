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

// The flags of databases; the file of a password has its flag with passwordFile behind the name.
const (
	databaseFlag = "db"
	lookFlag     = "db-look"
	passwordFile = "-password-file"
)

// RegisterDatabase adds --db and --db-password-file. Run puts the password of the file into the
// URL, so *at then has everything that a connection needs.
func RegisterDatabase(flags *flag.FlagSet, at *string, usage string) {
	flags.StringVar(at, databaseFlag, "", usage)
	flags.String(databaseFlag+passwordFile, "", "`file` of the password of --db")
}

// RegisterLook adds --db-look and --db-look-password-file in the same way.
func RegisterLook(flags *flag.FlagSet, at *string) {
	flags.StringVar(at, lookFlag, "", "`URL` of the database for commands that only look, with the user for that; a private database has its own")
	flags.String(lookFlag+passwordFile, "", "`file` of the password of --db-look")
}

// completeDatabases completes the URLs of all databases.
func completeDatabases(flags *flag.FlagSet, args []string) (warnings []*language.Text, err error) {
	for _, name := range []string{databaseFlag, lookFlag} {
		warning, err := completeDatabase(flags, name, args)
		if err != nil {
			return nil, err
		}
		if warning != nil {
			warnings = append(warnings, warning)
		}
	}
	return warnings, nil
}

// completeDatabase puts the password of its file into the database's URL. warning is a text about a
// password on the command line, nil if there is none.
func completeDatabase(flags *flag.FlagSet, name string, args []string) (warning *language.Text, err error) {
	database, file := flags.Lookup(name), flags.Lookup(name+passwordFile)
	if database == nil || file == nil {
		return nil, nil
	}
	at, path := database.Value.String(), file.Value.String()
	inURL := hasPassword(at)
	if inURL && slices.ContainsFunc(args, func(arg string) bool { return strings.Contains(arg, at) }) {
		warning = language.Textf("the password of --%s stands on the command line, where everybody on this machine can read it; put it into --%[1]s-password-file", name)
	}
	switch {
	case path == "":
		return warning, nil
	case at == "":
		return nil, usage("--%s-password-file without --%[1]s", name).Todo("give the database's URL with --%s", name)
	case inURL:
		return nil, usage("--%s has a password, and --%[1]s-password-file too", name).Todo("leave one of them out")
	}
	text, err := os.ReadFile(path)
	password := string(bytes.TrimRight(text, "\r\n"))
	if err == nil && password == "" {
		err = language.Textf("%s is empty", path)
	}
	if err != nil {
		return nil, usage("cannot read the database's password").Todo("correct --%s-password-file", name).Because(err)
	}
	complete, err := withPassword(name, at, password)
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
func withPassword(name, at, password string) (string, error) {
	u, err := url.Parse(at)
	switch {
	case err == nil && u.Scheme != "" && u.User.Username() == "":
		return "", usage("--%s names no user", name).Todo("write it as postgres://USER@HOST/DATABASE")
	case err == nil && u.Scheme != "":
		u.User = url.UserPassword(u.User.Username(), password)
		return u.String(), nil
	}
	complete := fmt.Sprintf("%s password='%s'", at, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password))
	if _, err := pgx.ParseConfig(complete); err != nil {
		return "", usage("--%s is no URL of a database", name).Todo("write it as postgres://USER@HOST/DATABASE")
	}
	return complete, nil
}
