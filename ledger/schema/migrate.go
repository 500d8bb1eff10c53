package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// Apply brings the ledger's tables of the database at url up to date and says which dialect it
// speaks.
func Apply(ctx context.Context, url string) (Dialect, error) {
	return Migrate(ctx, url, slog.New(slog.DiscardHandler), Ledger())
}

// Migrate brings the tables of all sets up to date, in the order of the sets, and keeps the role
// Reader with its rights to them. Where nothing is to be done it only reads. Programs that migrate
// one database at the same time take turns. A program that ends half way has completed whole
// statements. The next one goes on after the last migration that was counted, and repeats
// statements of the migration after it. If a step takes longer than a minute, the log says what it
// waits for.
func Migrate(ctx context.Context, url string, log *slog.Logger, sets ...Set) (Dialect, error) {
	return migrate(ctx, url, &watch{log: log, patience: time.Minute}, sets)
}

func migrate(ctx context.Context, url string, w *watch, sets []Set) (Dialect, error) {
	config, err := parse(url)
	if err != nil {
		return 0, err
	}
	w.config = config.Copy()
	config.Tracer = w
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, fmt.Errorf("connect to the database: %w", err)
	}
	// The session, and with it the turn, ends here whatever happens.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if w.dialect, err = Detect(ctx, conn); err != nil {
		return 0, err
	}
	pending, err := Pending(ctx, conn, sets...)
	switch {
	case err != nil:
		return w.dialect, err
	case len(pending) == 0:
		return w.dialect, keepReader(ctx, conn, w.log, sets)
	}
	if err := w.up(ctx, conn, config, sets); err != nil {
		return 0, err
	}
	other, err := pgx.ConnectConfig(ctx, w.config)
	if err != nil {
		return 0, fmt.Errorf("connect to the database: %w", err)
	}
	return w.dialect, errors.Join(keepReader(ctx, other, w.log, sets), other.Close(ctx))
}

// up applies what is pending, once it is this session's turn.
func (w *watch) up(ctx context.Context, conn *pgx.Conn, config *pgx.ConnConfig, sets []Set) error {
	defer w.start(ctx)()
	if err := takeTurn(ctx, conn); err != nil {
		return fmt.Errorf("wait for the turn to migrate: %w", err)
	}
	db := stdlib.OpenDB(*config)
	for _, set := range sets {
		if err := set.up(ctx, db, w.dialect); err != nil {
			return errors.Join(fmt.Errorf("migrate the tables of %s: %w", set.Name, err), db.Close())
		}
	}
	return db.Close()
}

// takeTurn makes this session the only one that migrates, for as long as the session lasts: it
// changes a row in a transaction that is never ended. CockroachDB has no advisory locks.
func takeTurn(ctx context.Context, conn *pgx.Conn) error {
	const pause = 50 * time.Millisecond
	// SQLSTATEs met when another session makes the same table at the same moment (a catalogue's
	// row, the table, its type, a row that was updated), and one that asks for a retry.
	collisions := []string{"23505", "42P07", "42710", "XX000", "40001"}
	for tries := 1; ; tries++ {
		err := tryTurn(ctx, conn)
		var pg *pgconn.PgError
		// If several sessions make the table at once, some of them fail, and find it at their next
		// attempt.
		if !errors.As(err, &pg) || !slices.Contains(collisions, pg.Code) || tries == 100 {
			return err
		}
		if conn.PgConn().TxStatus() != 'I' {
			if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func tryTurn(ctx context.Context, conn *pgx.Conn) error {
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS migrating (one INT4 PRIMARY KEY CHECK (one = 1), since TIMESTAMPTZ NOT NULL)",
		"INSERT INTO migrating (one, since) VALUES (1, now()) ON CONFLICT (one) DO NOTHING",
		"BEGIN",
		"SET LOCAL idle_in_transaction_session_timeout = 0",
		"UPDATE migrating SET since = now() WHERE one = 1",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// up applies the pending migrations of a set, each statement in a transaction of its own, on both
// databases: CockroachDB v26.1 ends the open transaction before each change of a schema.
func (s Set) up(ctx context.Context, db *sql.DB, dialect Dialect) error {
	names, err := s.names()
	if err != nil {
		return err
	}
	root, err := fs.Sub(s.Files, s.Dir)
	if err != nil {
		return err
	}
	store, err := database.NewStoreFromQuerier(s.Table, versions{})
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectCustom, db, root, goose.WithStore(store), goose.WithDisableGlobalRegistry(true),
		goose.WithIsolateDDL(true), goose.WithExcludeNames(dialect.OtherFiles(names)))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
