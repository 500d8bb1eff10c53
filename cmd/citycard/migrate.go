package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger/schema"
)

// migration holds the flags of citycard migrate.
type migration struct {
	*command
	list   bool // --dry-run, whose output already says that nothing was changed
	create bool
}

func migrateCommand() *ffcli.Command {
	m := &migration{command: newCommand("migrate", "", "bring a database's tables up to date",
		"Makes the tables of an empty database, and those that this version adds to an older one. It may be repeated,\n"+
			"also after a kill; several at once take turns. It also keeps the role citycard_reader, for commands that only\n"+
			"look: it may read what is not personal. serve does the same at its start, if it has the right to; no other\n"+
			"command changes tables.")}
	m.registerDatabase()
	m.registerDry(&m.list)
	m.flags.BoolVar(&m.create, "create-database", false, "create the database of --db where it does not exist")
	m.check = func() error {
		if m.create && (m.database == "" || m.list) {
			return language.Textf("--create-database goes with --db, and not with --dry-run")
		}
		return nil
	}
	return m.runs(m.migrate)
}

func (m *migration) migrate(ctx context.Context) error {
	log := m.Logger()
	place, err := books.Locate(ctx, books.ToChange, m.database, m.Data, log)
	if err != nil {
		return err
	}
	if m.create {
		if err := createDatabase(ctx, place.URL); err != nil {
			return err
		}
	}
	database, err := books.Database(ctx, place.URL, place.Private, log)
	if err != nil {
		return errors.Join(err, place.Close())
	}
	if err := books.Identify(ctx, database.URL, m.Data); err != nil {
		return errors.Join(err, database.Close(), place.Close())
	}
	steps, rights, err := pending(ctx, database.URL)
	if err == nil && !m.list {
		_, err = schema.Migrate(ctx, database.URL, log, books.Sets()...)
	}
	if err != nil {
		err = books.Refusal(database.URL, err)
	} else {
		m.print(steps, rights)
	}
	return errors.Join(err, database.Close(), place.Close())
}

// pending lists what is to be done: migrations, and statements for the rights of those who look.
func pending(ctx context.Context, url string) (steps []schema.Step, statements []string, err error) {
	conn, err := schema.Connect(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	var rights schema.Rights
	if steps, err = schema.Pending(ctx, conn, books.Sets()...); err == nil {
		rights, err = schema.ReaderRights(ctx, conn, books.Sets()...)
	}
	return steps, rights.Statements(), errors.Join(err, conn.Close(ctx))
}

func (m *migration) print(steps []schema.Step, rights []string) {
	for _, step := range steps {
		m.Print("%s %s", step.Set, step.File)
		if m.list {
			for _, line := range step.Statements {
				m.Print("    %s", line)
			}
		}
	}
	if m.list {
		for _, statement := range rights {
			m.Print("    %s", statement)
		}
	}
	switch {
	case len(steps) == 0:
		m.Print("the tables are up to date")
	case m.list:
		m.Print("%d migrations would be applied; nothing was changed", len(steps))
	default:
		m.Print("%d migrations applied", len(steps))
	}
}

// createDatabase makes the database that a URL names, unless it is there.
func createDatabase(ctx context.Context, url string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return books.Refusal(url, err)
	}
	schema.Bound(config, schema.DefaultPatience)
	wanted := config.Database
	config.Database = "postgres" // which both databases have from the beginning
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return books.Refusal(url, err)
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{wanted}.Sanitize())
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42P04" {
		err = nil
	}
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return service.Fail("cannot create database %s", wanted).Because(err)
	}
	return nil
}
