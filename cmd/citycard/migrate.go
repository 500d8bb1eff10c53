package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger/schema"
)

// migration is the migrate command's flags.
type migration struct {
	service.Common
	database string
	dry      bool
	create   bool
}

func migrateCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard migrate", flag.ContinueOnError)
	m := &migration{Common: service.Common{Data: "citycard-data"}}
	m.Register(flags)
	service.RegisterDatabase(flags, &m.database, "`URL` of the database; empty: the data directory's / 数据库地址")
	flags.BoolVar(&m.dry, "dry-run", false, "say what would be done, and do nothing / 仅显示将执行的变更")
	flags.BoolVar(&m.create, "create-database", false, "create the database of --db where it does not exist / 数据库不存在时创建")
	return &ffcli.Command{
		Name: "migrate", ShortUsage: "citycard migrate [flags]", ShortHelp: "bring a database's tables up to date / 升级数据库结构", FlagSet: flags,
		LongHelp: "Makes the tables of an empty database, and those that this version adds to an older one. It may be repeated,\n" +
			"also after a kill; several at once take turns. serve does the same at its start, if it has the right to; no\n" +
			"other command changes tables.",
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			if m.create && (m.database == "" || m.dry) {
				return service.Exit(service.ExitUsage, errors.New("--create-database goes with --db, and not with --dry-run / 选项不可同用"))
			}
			return m.run(ctx)
		},
	}
}

func (m *migration) run(ctx context.Context) error {
	log := m.Logger()
	place, err := books.Locate(ctx, m.database, m.Data, log)
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
		return firstOf(err, place.Close())
	}
	steps, err := pendingSteps(ctx, database.URL)
	if err == nil && !m.dry {
		_, err = schema.Migrate(ctx, database.URL, log, books.Sets()...)
	}
	if err != nil {
		err = books.Refusal(database.URL, err)
	} else {
		m.print(steps)
	}
	return firstOf(err, errors.Join(database.Close(), place.Close()))
}

func pendingSteps(ctx context.Context, url string) ([]schema.Step, error) {
	conn, err := schema.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	steps, err := schema.Pending(ctx, conn, books.Sets()...)
	return steps, errors.Join(err, conn.Close(ctx))
}

func (m *migration) print(steps []schema.Step) {
	for _, step := range steps {
		fmt.Printf("%s %s\n", step.Set, step.File)
		if m.dry {
			for _, line := range step.Statements {
				fmt.Printf("    %s\n", line)
			}
		}
	}
	switch {
	case len(steps) == 0:
		fmt.Println("the tables are up to date / 数据库结构已是最新")
	case m.dry:
		fmt.Printf("%d migrations would be applied; nothing was changed / 未做任何变更\n", len(steps))
	default:
		fmt.Printf("%d migrations applied / 数据库结构已升级\n", len(steps))
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
		return service.Fail("cannot create database "+wanted+" / 无法创建数据库", "", err)
	}
	return nil
}
