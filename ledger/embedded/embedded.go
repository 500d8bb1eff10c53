package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"

	"citycard/language"
)

// databaseName is the database inside a private server.
const databaseName = "citycard"

// Options say which database to open.
type Options struct {
	// URL names a running database; then Dir and Settings are ignored.
	URL string
	// Dir is where a private server keeps its data. It is created when missing and used by one
	// program at a time.
	Dir string
	// PostgreSQL chooses the machine's PostgreSQL even where there is a cockroach binary.
	PostgreSQL bool
	// Log, when set, gets a message for each server that is started or stopped.
	Log *slog.Logger
	// Settings replace or add to the private PostgreSQL's settings, such as {"shared_buffers":
	// "64MB"}.
	Settings map[string]string
}

// Database is an open database.
type Database struct {
	// URL is what to connect to. It holds the password of a private server.
	URL string
	// Description says in a few words what it is, for people; without secrets.
	Description *language.Text

	server  server                          // nil for a database that is not ours
	restart func(ctx context.Context) error // nil for a server that is not ours to restart
	lock    *flock.Flock
}

// server is a private server that runs.
type server interface {
	// stop ends it in good order. A server that had ended by itself is an *EndedError.
	stop() error
	// gone is closed once it has ended, asked to or not; why then says why.
	gone() <-chan struct{}
	why() error
}

// Ended is closed once a private server has ended although nobody closed the database; Err then
// says why. For a database that is not private it is never closed.
func (d *Database) Ended() <-chan struct{} {
	if d.server == nil {
		return nil
	}
	return d.server.gone()
}

// Err is the *EndedError of a private server that has ended, nil before.
func (d *Database) Err() error {
	select {
	case <-d.Ended():
		return d.server.why()
	default:
		return nil
	}
}

// Restart ends a private server as a power cut would: it makes no checkpoint and cuts all
// connections. Then it starts the server again at the same address.
func (d *Database) Restart(ctx context.Context) error {
	if d.restart == nil {
		return fmt.Errorf("restart %s: not a private server", d.Description)
	}
	return d.restart(ctx)
}

// Close stops a private server, waiting for it to end, and leaves any other database alone. Where
// the server had ended by itself, the error is an *EndedError.
func (d *Database) Close() error {
	var err error
	if d.server != nil {
		err = d.server.stop()
	}
	if d.lock != nil {
		err = errors.Join(err, d.lock.Unlock())
	}
	return err
}

// Open opens the database; see the package comment for which.
func Open(ctx context.Context, options Options) (*Database, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.URL != "" {
		config, err := pgx.ParseConfig(options.URL)
		if err != nil {
			return nil, fmt.Errorf("database URL: %w", err)
		}
		return &Database{URL: options.URL, Description: language.Textf("database %s at %s:%d", config.Database, config.Host, config.Port)}, nil
	}
	dir, err := filepath.Abs(options.Dir)
	if err != nil || options.Dir == "" {
		return nil, errors.New("no directory given for the private database")
	}
	if err = makeDir(dir); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the database directory %s: %w", dir, err)
	}
	if !held {
		return nil, fmt.Errorf("the database directory %s is in use by another program; stop it or choose another directory", dir)
	}
	database, err := start(ctx, dir, options)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	database.lock = lock
	return database, nil
}

// start runs the private server. A directory that holds one kind of database is never given to the
// other.
func start(ctx context.Context, dir string, options Options) (*Database, error) {
	if !options.PostgreSQL && !exists(filepath.Join(dir, "data")) {
		if binary := cockroachBinary(); binary != "" {
			return startCockroach(ctx, binary, dir, options.Log)
		}
	}
	if exists(filepath.Join(dir, "cockroach")) {
		return nil, fmt.Errorf("%s holds a CockroachDB store but there is no cockroach binary; set COCKROACH_BINARY or choose another directory", dir)
	}
	return startPostgres(ctx, dir, options)
}

func makeDir(dir string) error {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		// The server runs as another user, who must be able to enter the directories above.
		mode = 0o711
	}
	if err := os.MkdirAll(dir, mode); err != nil {
		return fmt.Errorf("create the database directory: %w", err)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func cockroachBinary() string {
	if binary := os.Getenv("COCKROACH_BINARY"); binary != "" {
		return binary
	}
	binary, err := exec.LookPath("cockroach")
	if err != nil {
		return ""
	}
	return binary
}

// createDatabase makes our database inside the server at url, once.
func createDatabase(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to the private database: %w", err)
	}
	var there bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", databaseName).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+databaseName)
	}
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	return nil
}
