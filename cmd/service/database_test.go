package service

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// The password from the file is added to every form of a database address, and appears in no error.
func TestDatabasePassword(t *testing.T) {
	const odd = `g'eh e:i@m\%`
	file := filepath.Join(t.TempDir(), "password")
	empty := filepath.Join(t.TempDir(), "empty")
	for path, text := range map[string]string{file: odd + "\r\n", empty: "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct{ db, file, refused string }{
		{"postgres://city@db.example:5433/books?sslmode=require", file, ""},
		{"postgresql://city@db.example:5433/books", file, ""},
		{"host=db.example port=5433 user=city dbname=books", file, ""},
		{"", file, "--db-password-file without --db"},
		{"postgres://city:geheim@db.example/books", file, "leave one of them out"},
		{"host=db.example user=city password=geheim", file, "leave one of them out"},
		{"postgres://city@db.example/books?password=geheim", file, "leave one of them out"},
		{"postgres://db.example/books", file, "--db names no user"},
		{"postgres://city@db.example/books", empty, "is empty"},
		{"postgres://city@db.example/books", filepath.Join(empty, "none"), "correct --db-password-file"},
		{"no database at all", file, "--db is no URL"},
	} {
		flags := flag.NewFlagSet("test", flag.ContinueOnError)
		var at string
		RegisterDatabase(flags, &at, "")
		if err := flags.Parse([]string{"--db", test.db, "--db-password-file", test.file}); err != nil {
			t.Fatal(err)
		}
		_, err := completeDatabase(flags, "db", nil)
		if test.refused != "" {
			if err == nil || !strings.Contains(err.Error(), test.refused) || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), odd) {
				t.Errorf("%s: %v, want %q and no password", test.db, err, test.refused)
			}
			continue
		}
		config, parseErr := pgx.ParseConfig(at)
		if err != nil || parseErr != nil {
			t.Errorf("%s: %v, %v", test.db, err, parseErr)
			continue
		}
		if config.Password != odd || config.User != "city" || config.Host != "db.example" || config.Port != 5433 || config.Database != "books" {
			t.Errorf("%s becomes user %s, password %q at %s:%d, %s", test.db, config.User, config.Password, config.Host, config.Port, config.Database)
		}
	}
}

// A password on the command line causes a warning; a password from another source does not.
func TestDatabasePasswordOnCommandLine(t *testing.T) {
	for _, test := range []struct {
		db   string
		args []string
		warn bool
	}{
		{"postgres://city:geheim@h/d", []string{"day", "--db", "postgres://city:geheim@h/d"}, true},
		{"postgres://city:geheim@h/d", []string{"day", "--db=postgres://city:geheim@h/d"}, true},
		{"host=h password=geheim", []string{"day", "--db", "host=h password=geheim"}, true},
		{"postgres://city:geheim@h/d", []string{"day"}, false},
		{"postgres://city@h/d", []string{"day", "--db", "postgres://city@h/d"}, false},
		{"", []string{"day"}, false},
	} {
		flags := flag.NewFlagSet("test", flag.ContinueOnError)
		var at string
		RegisterDatabase(flags, &at, "")
		if err := flags.Set("db", test.db); err != nil {
			t.Fatal(err)
		}
		warning, err := completeDatabase(flags, "db", test.args)
		if err != nil || (warning != nil) != test.warn || warning != nil && strings.Contains(warning.Error(), "geheim") {
			t.Errorf("%v: %q, %v; want a warning: %v", test.args, warning, err, test.warn)
		}
	}
}
