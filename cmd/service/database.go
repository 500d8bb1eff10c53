package service

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

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
	flags.String(passwordFileFlag, "", "`file` of the password of --db / 数据库口令文件")
}

// completeDatabase puts the password of its file into the database's URL. warning is a text about a
// password on the command line, empty if there is none.
func completeDatabase(flags *flag.FlagSet, args []string) (warning string, err error) {
	database, file := flags.Lookup(databaseFlag), flags.Lookup(passwordFileFlag)
	if database == nil || file == nil {
		return "", nil
	}
	at, path := database.Value.String(), file.Value.String()
	inURL := hasPassword(at)
	if inURL && slices.ContainsFunc(args, func(arg string) bool { return strings.Contains(arg, at) }) {
		warning = "the password of --db stands on the command line, where everybody on this machine can read it; put it into --db-password-file / 数据库口令出现在命令行中,请改用 --db-password-file"
	}
	switch {
	case path == "":
		return warning, nil
	case at == "":
		return "", usage("--db-password-file without --db / 口令文件须与 --db 同用", "give the database's URL with --db", nil)
	case inURL:
		return "", usage("--db has a password, and --db-password-file too / 口令重复", "leave one of them out", nil)
	}
	text, err := os.ReadFile(path)
	password := string(bytes.TrimRight(text, "\r\n"))
	if err == nil && password == "" {
		err = errors.New(path + " is empty")
	}
	if err != nil {
		return "", usage("cannot read the database's password / 无法读取数据库口令文件", "correct --db-password-file", err)
	}
	complete, err := withPassword(at, password)
	if err != nil {
		return "", err
	}
	return "", database.Value.Set(complete)
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
		return "", usage("--db names no user / 未指定数据库用户", "write it as postgres://USER@HOST/DATABASE", nil)
	case err == nil && u.Scheme != "":
		u.User = url.UserPassword(u.User.Username(), password)
		return u.String(), nil
	}
	complete := fmt.Sprintf("%s password='%s'", at, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password))
	if _, err := pgx.ParseConfig(complete); err != nil {
		return "", usage("--db is no URL of a database / 数据库地址有误", "write it as postgres://USER@HOST/DATABASE", nil)
	}
	return complete, nil
}
