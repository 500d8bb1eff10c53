package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"citycard/ledger/embedded"

	"github.com/jackc/pgx/v5"
)

// small keeps the test servers light.
var small = map[string]string{"shared_buffers": "32MB", "wal_buffers": "1MB", "max_wal_size": "256MB", "min_wal_size": "64MB"}

// childDir, in the environment, turns the test binary into a program that opens the database in the
// directory it names and waits to be killed.
const childDir = "CITYCARD_TEST_EMBEDDED_CHILD"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == cockroachName {
		os.Exit(fakeCockroach(os.Args[1:]))
	}
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

func child(dir string) int {
	ctx := context.Background()
	database, err := embedded.Open(ctx, embedded.Options{Dir: dir, Settings: small, PostgreSQL: os.Getenv("COCKROACH_BINARY") == ""})
	if err == nil {
		err = write(ctx, database.URL, 2)
	}
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println("ready")
	select {}
}

func write(ctx context.Context, url string, value int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE TABLE IF NOT EXISTS kept (value INT8 PRIMARY KEY)")
	if err == nil {
		_, err = conn.Exec(ctx, "INSERT INTO kept (value) VALUES ($1)", value)
	}
	return errors.Join(err, conn.Close(ctx))
}

func read(t *testing.T, url string) (sum int, settings string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if err = conn.QueryRow(ctx, `SELECT sum(value)::INT8, current_setting('fsync') || ' ' || current_setting('synchronous_commit') || ' ' ||
		current_setting('listen_addresses') FROM kept`).Scan(&sum, &settings); err != nil {
		t.Fatal(err)
	}
	return sum, settings
}

// newDir returns a directory the server's user can reach, which t.TempDir is not.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "citycard-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err = os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "database")
}

func open(t *testing.T, dir string) *embedded.Database {
	t.Helper()
	database, err := embedded.Open(context.Background(), embedded.Options{Dir: dir, Settings: small, PostgreSQL: true})
	if err != nil {
		t.Fatal(err)
	}
	return database
}

// TestLives starts, stops and starts again; then a program with the database open is killed, then
// the server itself. What was committed is there each time.
func TestLives(t *testing.T) {
	dir := newDir(t)
	ctx := context.Background()
	database := open(t, dir)
	if err := write(ctx, database.URL, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Open(ctx, embedded.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use by another program") {
		t.Errorf("opened twice: %v, expected that the directory is in use", err)
	}
	info, err := os.Stat(filepath.Join(dir, "password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("password file: %v %v, expected mode 0600", info, err)
	}
	if strings.Contains(database.Description.Error(), "@") || !strings.Contains(database.URL, "127.0.0.1") {
		t.Errorf("description %q, URL %q", database.Description, database.URL)
	}
	if at := embedded.Running(dir); at != database.URL {
		t.Error("the running server is not found by its directory")
	}
	before := database.URL
	if err = database.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if sum, _ := read(t, before); sum != 1 {
		t.Errorf("after a restart: values sum to %d, expected 1", sum)
	}
	if err = database.Close(); err != nil {
		t.Fatal(err)
	}

	killed(t, dir)
	database = open(t, dir)
	if sum, settings := read(t, database.URL); sum != 3 || settings != "on on 127.0.0.1" {
		t.Errorf("after the program was killed: values sum to %d with %q, expected 3 with fsync", sum, settings)
	}

	killServer(t, dir)
	if err = database.Close(); err == nil {
		t.Error("closing a database whose server was killed should say so")
	}
	database = open(t, dir)
	if sum, _ := read(t, database.URL); sum != 3 {
		t.Errorf("after the server was killed: values sum to %d, expected 3", sum)
	}
	if err = database.Close(); err != nil {
		t.Error(err)
	}
}

// killed runs the child program and kills it once it has committed.
func killed(t *testing.T, dir string) {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+dir)
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err = command.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Errorf("the child says %q %v, expected ready", line, err)
	}
	if err = command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
}

func killServer(t *testing.T, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.SplitN(string(text), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err = syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

func TestRefusals(t *testing.T) {
	ctx := context.Background()
	if _, err := embedded.Open(ctx, embedded.Options{}); err == nil {
		t.Error("without directory: expected an error")
	}
	if _, err := embedded.Open(ctx, embedded.Options{URL: "mysql://x"}); err == nil {
		t.Error("with a wrong URL: expected an error")
	}
	database, err := embedded.Open(ctx, embedded.Options{URL: "postgres://clerk:secret@db.example:5433/books"})
	if err != nil || database.Description.Error() != "database books at db.example:5433" {
		t.Errorf("with a URL: %+v %v", database, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err = os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = embedded.Open(ctx, embedded.Options{Dir: file}); err == nil {
		t.Error("with a file for a directory: expected an error")
	}
	if os.Geteuid() != 0 {
		return
	}
	closed := newDir(t)
	if err = os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err = embedded.Open(ctx, embedded.Options{Dir: filepath.Join(closed, "database"), PostgreSQL: true})
	if err == nil || !strings.Contains(err.Error(), `run "chmod o+x `+closed+`"`) || strings.Contains(err.Error(), "\n") {
		t.Errorf("in a directory the server cannot reach: %v, expected one line that says what to do", err)
	}
}
