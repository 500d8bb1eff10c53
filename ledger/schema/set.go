package schema

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed migrations/*.sql
var files embed.FS

// VersionTable is where the ledger's own migrations are counted.
const VersionTable = "ledger_migrations"

// Set is a numbered set of migrations and the tables that they make.
type Set struct {
	Name  string // for people, such as "ledger"
	Table string // where those that were applied are counted
	// Files has them as Dir/NNNNN_name.sql, in goose's format, forward only. Each statement can be
	// repeated (IF NOT EXISTS, ON CONFLICT), because each is committed alone.
	Files fs.FS
	Dir   string
	// Closed are those of its tables that the role Reader may not read: persons, and what opens
	// something.
	Closed []string
}

// Ledger is the set of the ledger's own tables.
func Ledger() Set {
	return Set{Name: "ledger", Table: VersionTable, Files: files, Dir: "migrations"}
}

// The states of a database, compared with what the program knows.
var (
	ErrNoTables = errors.New("the database has no such tables")
	ErrOlder    = errors.New("the tables are of an older program")
	ErrNewer    = errors.New("the tables are of a newer program")
)

// VersionError says that a database's tables are not those that the program works with. It unwraps
// to ErrNoTables, ErrOlder or ErrNewer.
type VersionError struct {
	Err   error
	Set   string
	Found int64 // the newest migration in the database
	Known int64 // the newest that the program has
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s: %v (schema %d; this program knows %d)", e.Set, e.Err, e.Found, e.Known)
}

func (e *VersionError) Unwrap() error { return e.Err }

// Check tells whether the tables of all sets are there in the version that the program has; else
// the error is a *VersionError. It reads and changes nothing.
func Check(ctx context.Context, conn *pgx.Conn, sets ...Set) error {
	dialect, err := Detect(ctx, conn)
	if err != nil {
		return err
	}
	for i, set := range sets {
		err := set.check(ctx, conn, dialect)
		var is *VersionError
		if i > 0 && errors.As(err, &is) && is.Err == ErrNoTables {
			// The first set's tables are there, so the migration was begun and not finished.
			is.Err = ErrOlder
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s Set) check(ctx context.Context, conn *pgx.Conn, dialect Dialect) error {
	pending, stands, err := s.pending(ctx, conn, dialect)
	switch {
	case errors.Is(err, ErrNoTables):
		stands.Err = ErrNoTables
	case err != nil:
		return err
	case len(pending) > 0:
		stands.Err = ErrOlder
	default:
		return nil
	}
	return &stands
}

// pending lists the steps that the database has not recorded as applied, and returns the versions.
// If the database has recorded none, all are pending and the error is ErrNoTables.
func (s Set) pending(ctx context.Context, conn *pgx.Conn, dialect Dialect) (pending []Step, stands VersionError, err error) {
	steps, err := s.steps(dialect)
	if err != nil {
		return nil, stands, err
	}
	stands = VersionError{Set: s.Name, Known: steps[len(steps)-1].Number}
	var applied []int64
	rows, err := conn.Query(ctx, "SELECT version_id::INT8 FROM "+s.Table)
	if err == nil {
		applied, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42P01":
		return steps, stands, ErrNoTables
	case err != nil:
		return nil, stands, fmt.Errorf("ask for the schema's version: %w", err)
	}
	for _, number := range applied {
		stands.Found = max(stands.Found, number)
	}
	if stands.Found > stands.Known {
		stands.Err = ErrNewer
		return nil, stands, &stands
	}
	for _, step := range steps {
		if !slices.Contains(applied, step.Number) {
			pending = append(pending, step)
		}
	}
	return pending, stands, nil
}

// Step is one migration.
type Step struct {
	Set    string
	Number int64
	File   string
	// Statements are the first lines of its statements.
	Statements []string
}

// Pending lists what Migrate would apply to the database, in its order. It changes nothing.
func Pending(ctx context.Context, conn *pgx.Conn, sets ...Set) ([]Step, error) {
	dialect, err := Detect(ctx, conn)
	if err != nil {
		return nil, err
	}
	var all []Step
	for _, set := range sets {
		pending, _, err := set.pending(ctx, conn, dialect)
		if err != nil && !errors.Is(err, ErrNoTables) {
			return nil, err
		}
		all = append(all, pending...)
	}
	return all, nil
}

// steps are the migrations for a dialect, in their order.
func (s Set) steps(dialect Dialect) ([]Step, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	others := dialect.OtherFiles(names)
	var steps []Step
	for _, name := range names {
		if slices.Contains(others, name) {
			continue
		}
		digits, _, _ := strings.Cut(name, "_")
		number, err := strconv.ParseInt(digits, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("migration %s has no number: %w", name, err)
		}
		text, err := fs.ReadFile(s.Files, path.Join(s.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		steps = append(steps, Step{Set: s.Name, Number: number, File: name, Statements: firstLines(string(text))})
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("%s has no migrations", s.Name)
	}
	return steps, nil
}

// Newest is the number of the newest migration; on PostgreSQL it is the version of the tables.
func (s Set) Newest() (int64, error) {
	steps, err := s.steps(PostgreSQL)
	if err != nil {
		return 0, err
	}
	return steps[len(steps)-1].Number, nil
}

func (s Set) names() ([]string, error) {
	paths, err := fs.Glob(s.Files, path.Join(s.Dir, "*.sql"))
	if err != nil {
		return nil, fmt.Errorf("list the migrations of %s: %w", s.Name, err)
	}
	names := make([]string, 0, len(paths))
	for _, p := range paths {
		names = append(names, path.Base(p))
	}
	return names, nil
}

// firstLines returns the lines that begin a statement: those that are not indented, are no comment
// and do not close a list.
func firstLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n\r")
		if line != "" && line[0] >= 'A' && line[0] <= 'Z' {
			lines = append(lines, strings.TrimRight(line, " (;"))
		}
	}
	return lines
}
