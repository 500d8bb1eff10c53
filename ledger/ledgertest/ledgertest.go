package ledgertest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/embedded"
	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
)

// TB has the methods of a test that the package needs; *testing.T, *testing.B and *rapid.T have
// them.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// server is the one server of this test process.
type server struct {
	mu       sync.Mutex
	dir      string
	watch    io.Closer // see guard; nil where the server is not ours
	database *embedded.Database
	dialect  schema.Dialect
	clones   int
	spares   spares // CockroachDB only
}

// process is shared by all tests of the process; a global variable is the only thing they have in
// common.
var process server

const template = "citycard_template"

// Main runs the package's tests with the server held, stops it, and exits.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run is Main for a package that has more to do before it exits with the code.
func Run(m *testing.M) (code int) {
	code = m.Run()
	if err := process.shutDown(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the test database:", err)
		return 1
	}
	return code
}

// New returns the URL of a fresh database with the ledger's tables. It is dropped when the test
// ends.
func New(t TB) string { return fresh(t, true) }

// Empty returns the URL of a fresh database without any tables. It is dropped when the test ends.
func Empty(t TB) string { return fresh(t, false) }

func fresh(t TB, migrated bool) string {
	t.Helper()
	ctx := context.Background()
	at, err := process.clone(ctx, migrated)
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
	stop := process.report(at)
	t.Cleanup(func() {
		stop()
		if err := process.giveBack(ctx, at, migrated); err != nil {
			t.Errorf("test database: %v", err)
		}
	})
	return at.String()
}

// Open returns a Ledger on a fresh database.
func Open(t TB, conns int, options ...ledger.Option) *ledger.Ledger {
	t.Helper()
	return Connect(t, New(t), conns, options...)
}

// Connect returns a Ledger on the database at url.
func Connect(t TB, url string, conns int, options ...ledger.Option) *ledger.Ledger {
	t.Helper()
	pool, dialect, err := ledger.Connect(context.Background(), url, conns)
	if err != nil {
		t.Fatalf("test database: %v", err)
	}
	t.Cleanup(pool.Close)
	return ledger.New(pool, dialect, options...)
}

// clone makes or reuses a database for one test, with the ledger's tables or empty, and returns its
// URL.
func (s *server) clone(ctx context.Context, migrated bool) (*url.URL, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.database == nil {
		if err := s.start(ctx); err != nil {
			return nil, err
		}
	}
	if migrated {
		if at := s.spares.take(); at != nil {
			return at, nil
		}
	}
	s.clones++
	// The process's number keeps test processes that share a server apart.
	name := fmt.Sprintf("citycard_test_%d_%d", os.Getpid(), s.clones)
	create := "CREATE DATABASE " + name
	if migrated && s.dialect == schema.PostgreSQL {
		create += " TEMPLATE " + s.template()
	}
	if err := s.exec(ctx, create); err != nil {
		return nil, err
	}
	at, err := s.at(name)
	if err == nil && migrated && s.dialect == schema.CockroachDB {
		_, err = schema.Apply(ctx, at.String())
	}
	return at, err
}

// at is the URL of the database of that name. Its sessions can be told by its name too.
func (s *server) at(name string) (*url.URL, error) {
	at, err := url.Parse(s.database.URL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	at.Path = "/" + name
	query := at.Query()
	query.Set("application_name", name)
	at.RawQuery = query.Encode()
	return at, nil
}

func (s *server) template() string { return template + "_" + strconv.Itoa(os.Getpid()) }

func (s *server) start(ctx context.Context) (err error) {
	options := embedded.Options{URL: os.Getenv(Server)}
	if !benchmarking() {
		// No data is needed after its test, so none has to survive a power cut.
		options.Settings = map[string]string{"shared_buffers": "256MB", "max_wal_size": "2GB", "fsync": "off"}
	}
	if options.URL == "" {
		if s.dir, err = os.MkdirTemp("", "citycard-test-database-"); err != nil {
			return err
		}
		// A server run for root runs as another user, who must be able to pass.
		if err = os.Chmod(s.dir, 0o711); err != nil {
			return err
		}
		if s.watch, err = guard(s.dir); err != nil {
			return err
		}
		options.Dir = s.dir
	}
	if s.database, err = embedded.Open(ctx, options); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, s.database.URL)
	if err != nil {
		return err
	}
	s.dialect, err = schema.Detect(ctx, conn)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return err
	}
	if err = s.exec(ctx, "CREATE DATABASE "+s.template()); err != nil {
		return err
	}
	at, err := s.at(s.template())
	if err != nil {
		return err
	}
	if _, err = schema.Apply(ctx, at.String()); err != nil || s.dialect != schema.CockroachDB {
		return err
	}
	return s.spares.learn(ctx, at.String())
}

// benchmarking reports whether this run was asked for benchmarks, whose figures are about durable
// commits.
func benchmarking() bool {
	asked := flag.Lookup("test.bench")
	return asked != nil && asked.Value.String() != ""
}

func (s *server) exec(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, s.database.URL)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// giveBack takes the database of a test that has ended. It is emptied for the next test, or
// dropped.
func (s *server) giveBack(ctx context.Context, at *url.URL, migrated bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if migrated && s.dialect == schema.CockroachDB {
		err := s.spares.empty(ctx, at, s.template())
		if err == nil {
			s.spares.free = append(s.spares.free, at)
			return nil
		}
		if !errors.Is(err, errAltered) {
			return err
		}
	}
	return s.drop(ctx, at.Path[1:])
}

func (s *server) drop(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	statement := "DROP DATABASE " + name
	if s.dialect == schema.PostgreSQL {
		// A test of cut connections may leave sessions behind.
		statement += " WITH (FORCE)"
	} else {
		statement += " CASCADE"
	}
	return s.exec(ctx, statement)
}

// shutDown stops the server when one was started.
func (s *server) shutDown() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.database == nil {
		return nil
	}
	var err error
	if s.dir == "" { // a private server's go with it
		err = s.drop(context.Background(), s.template())
		for _, at := range s.spares.free {
			err = errors.Join(err, s.drop(context.Background(), at.Path[1:]))
		}
	}
	err = errors.Join(err, s.database.Close())
	s.database = nil
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir), s.watch.Close())
	}
	return err
}
