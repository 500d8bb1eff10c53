package books

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	clearingschema "citycard/clearing/schema"
	"citycard/cmd/service"
	"citycard/ledger/schema"
)

// Sets are all tables of the books, in the order in which they are made.
func Sets() []schema.Set { return []schema.Set{schema.Ledger(), clearingschema.Clearing()} }

// checkLimit is the time limit of the check of a database before it is used.
const checkLimit = 30 * time.Second

// check refuses a database without books, and one with tables that this program does not know. It
// changes nothing there.
func check(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	conn, err := schema.Connect(ctx, url)
	if err != nil {
		return Refusal(url, err)
	}
	err = schema.Check(ctx, conn, Sets()...)
	begun := false
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM days)").Scan(&begun)
	}
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return Refusal(url, err)
	}
	if !begun {
		return noBooks(url)
	}
	return nil
}

// Refusal says why the database at url cannot be used, in one sentence for the user.
func Refusal(url string, err error) error {
	var version *schema.VersionError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &version):
		return versionRefusal(url, version)
	case errors.As(err, &pg) && pg.Code == "3D000":
		return service.NoBooks("database %s does not exist", name(url)).Todo("create it, or let citycard migrate --create-database do it")
	case errors.As(err, &pg) && pg.Code == "42501":
		return service.Refuse("this user may not do that in database %s", name(url)).Todo("give it the rights that docs/configuration.md lists").Because(pg)
	}
	return service.Unreachable("cannot use the database").Todo("start it or correct --db").Because(err)
}

func versionRefusal(url string, v *schema.VersionError) error {
	switch v.Err {
	case schema.ErrNewer:
		return service.NoBooks("this database is of a newer citycard (%s schema %d; this one knows %d)", v.Set, v.Found, v.Known).Todo("use that citycard")
	case schema.ErrOlder:
		return service.NoBooks("this database is of an older citycard (%s schema %d; this one knows %d)", v.Set, v.Found, v.Known).Todo("run citycard migrate")
	}
	return noBooks(url)
}

func noBooks(url string) error {
	return service.NoBooks("no books in database %s", name(url)).Todo("name the right books; citycard serve begins new ones")
}

// name is the database's name, for people.
func name(url string) string {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return "?"
	}
	return config.Database
}
