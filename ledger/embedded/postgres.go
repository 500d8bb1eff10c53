package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"citycard/durable"
	"citycard/language"
)

// postgres is a private PostgreSQL server.
type postgres struct {
	bin    string // directory of its programs
	dir    string
	runner runner
	log    *slog.Logger
	port   int

	began   int64 // what the log's file had before this start, in bytes
	watcher *watcher
}

// settings of the private server: memory for the hot table's pages, and log space for minutes of
// writing between two checkpoints. Durability is PostgreSQL's default, stated here so that it can
// be seen.
//
// Rows come in random order, so every page of a day's part of the journal's index is written all
// the time: about 61 bytes a row, 610 MB at ten million rows a day. Where that does not fit into
// shared_buffers, posting falls to half the speed; and after each checkpoint the first change of
// each of its pages puts the whole page into the log, so that checkpoints should be rare
// (max_wal_size, half of which lies between two).
func settings(overrides map[string]string) map[string]string {
	all := map[string]string{
		"listen_addresses":               "127.0.0.1",
		"unix_socket_directories":        "",
		"fsync":                          "on",
		"synchronous_commit":             "on",
		"full_page_writes":               "on",
		"shared_buffers":                 fmt.Sprintf("%dMB", sharedBuffersMB(machineMemoryMB())),
		"wal_buffers":                    "64MB",
		"max_wal_size":                   "8GB",
		"min_wal_size":                   "512MB",
		"checkpoint_timeout":             "15min",
		"checkpoint_completion_target":   "0.9",
		"log_error_verbosity":            "terse", // a DETAIL quotes keys, which contain card numbers
		"max_connections":                "100",
		"max_pred_locks_per_transaction": "256",
		"wal_level":                      "minimal",
		"max_wal_senders":                "0",
		"jit":                            "off",
		"logging_collector":              "off",
	}
	maps.Copy(all, overrides)
	return all
}

// sharedBuffersMB is an eighth of the machine's memory, within useful bounds.
func sharedBuffersMB(memoryMB int) int { return min(max(memoryMB/8, 256), 2048) }

// machineMemoryMB returns the machine's memory, or that of a small machine where it is not known.
func machineMemoryMB() int {
	const small = 4096
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return small
	}
	var kB int
	if _, err = fmt.Sscanf(string(text), "MemTotal: %d kB", &kB); err != nil {
		return small
	}
	return kB / 1024
}

func startPostgres(ctx context.Context, dir string, options Options) (*Database, error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	who, err := newRunner(dir)
	if err != nil {
		return nil, err
	}
	p := &postgres{bin: bin, dir: dir, runner: who, log: options.Log}
	password, err := p.password()
	if err != nil {
		return nil, err
	}
	if err = p.stopLeftOver(ctx); err != nil {
		return nil, err
	}
	if err = p.initialise(ctx, password); err != nil {
		return nil, err
	}
	if err = p.start(ctx, settings(options.Settings)); err != nil {
		return nil, err
	}
	at := postgresURL(password, p.port)
	at.Path = "/postgres"
	if err = createDatabase(ctx, at.String()); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	at.Path = "/" + databaseName
	return &Database{URL: at.String(), Description: language.Textf("private PostgreSQL in %s", dir), server: p, restart: p.restart}, nil
}

// watched begins to watch the server that has just been started.
func (p *postgres) watched() error {
	pid, err := p.postmaster()
	if err != nil {
		return fmt.Errorf("look for the PostgreSQL that was started: %w", err)
	}
	p.watcher = watch(pid)
	return nil
}

func (p *postgres) gone() <-chan struct{} { return p.watcher.ended }

func (p *postgres) why() error {
	return &EndedError{Server: "PostgreSQL in " + p.dir, Why: cmp.Or(whyEnded(p.data(), p.logFile(), p.began), "see "+p.logFile())}
}

// postmaster is the number of the process that runs in the directory, or ran there and did not end
// in good order.
func (p *postgres) postmaster() (pid int, err error) {
	text, err := os.ReadFile(filepath.Join(p.data(), "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// stop ends the server that is watched.
func (p *postgres) stop() error {
	if p.watcher != nil {
		p.watcher.end()
		if gone(p.watcher.pid) {
			return p.why()
		}
	}
	return p.end(context.Background())
}

func (p *postgres) data() string { return filepath.Join(p.dir, "data") }

// findPostgres returns the directory of the newest PostgreSQL's programs, 15 or later.
func findPostgres() (string, error) {
	candidates, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", fmt.Errorf("look for PostgreSQL: %w", err)
	}
	best, bestVersion := "", 0
	for _, path := range candidates {
		version, convErr := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if convErr == nil && version > bestVersion && exists(filepath.Join(path, "initdb")) {
			best, bestVersion = path, version
		}
	}
	if best == "" {
		for _, path := range filepath.SplitList(os.Getenv("PATH")) {
			if exists(filepath.Join(path, "initdb")) && exists(filepath.Join(path, "postgres")) {
				return path, nil
			}
		}
		return "", errors.New("no database found: install PostgreSQL 15 or later (Debian: apt-get install postgresql), " +
			"or set COCKROACH_BINARY, or give a database URL")
	}
	if bestVersion < 15 {
		return "", fmt.Errorf("PostgreSQL %d in %s is too old, expected 15 or later", bestVersion, best)
	}
	return best, nil
}

// password returns the server's password, made on first use.
func (p *postgres) password() (string, error) {
	path := p.passwordFile()
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return string(text), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the database password: %w", err)
	}
	password := rand.Text()
	if err = durable.WriteFile(path, []byte(password)); err != nil {
		return "", fmt.Errorf("keep the database password: %w", err)
	}
	return password, nil
}

func (p *postgres) passwordFile() string { return filepath.Join(p.dir, "password") }

// initialise makes the data directory, once. It is made under another name and renamed, so that an
// interrupted initdb leaves nothing that looks finished.
func (p *postgres) initialise(ctx context.Context, password string) error {
	if exists(p.data()) {
		return nil
	}
	fresh := p.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("clear an unfinished data directory: %w", err)
	}
	if err := p.runner.mkdir(fresh); err != nil {
		return err
	}
	secret := filepath.Join(p.dir, "password.new")
	if err := errors.Join(os.WriteFile(secret, []byte(password+"\n"), 0o600), p.runner.own(secret)); err != nil {
		return fmt.Errorf("hand the password to initdb: %w", err)
	}
	p.log.InfoContext(ctx, "create a private PostgreSQL", "dir", p.dir)
	output, err := p.runner.run(ctx, filepath.Join(p.bin, "initdb"), "-D", fresh, "-U", databaseName, "-A", "scram-sha-256",
		"--pwfile="+secret, "--encoding=UTF8", "--locale=C", "--no-instructions")
	if err = errors.Join(err, os.Remove(secret)); err != nil {
		return fmt.Errorf("initdb in %s: %w: %s", fresh, err, lastLine(output))
	}
	if err = os.Rename(fresh, p.data()); err != nil {
		return fmt.Errorf("put the data directory in its place: %w", err)
	}
	return nil
}

// stopLeftOver stops the server of a program that was killed. pg_ctl fails when the process is
// gone; then there is nothing to stop. A server that was killed itself may end while pg_ctl asks it
// to, and then pg_ctl misses the end for which it waits.
func (p *postgres) stopLeftOver(ctx context.Context) error {
	pid, err := p.postmaster()
	if err != nil || gone(pid) {
		return nil
	}
	if _, err := p.ctl(ctx, "status"); err != nil {
		return nil
	}
	p.log.InfoContext(ctx, "stop a PostgreSQL left over", "dir", p.dir)
	if err = p.end(ctx); err != nil && gone(pid) {
		return nil
	}
	return err
}

func (p *postgres) end(ctx context.Context) error {
	if output, err := p.ctl(ctx, "stop", "-m", "fast", "-w", "-t", "60"); err != nil {
		return fmt.Errorf("stop PostgreSQL in %s: %w: %s", p.dir, err, lastLine(output))
	}
	return nil
}

func (p *postgres) ctl(ctx context.Context, args ...string) ([]byte, error) {
	return p.runner.run(ctx, filepath.Join(p.bin, "pg_ctl"), append([]string{"-D", p.data()}, args...)...)
}

func (p *postgres) logFile() string { return filepath.Join(p.data(), "server.log") }

// restart starts the server again with the options that it was started with.
func (p *postgres) restart(ctx context.Context) error {
	p.watcher.end()
	logFile := p.logFile()
	if output, err := p.ctl(ctx, "restart", "-m", "immediate", "-w", "-t", "120", "-l", logFile); err != nil {
		return fmt.Errorf("restart PostgreSQL in %s: %w: %s (more in %s)", p.dir, err, lastLine(output), logFile)
	}
	return p.watched()
}

// startAttempts bounds the attempts to start: the port may be taken by another at the last moment,
// or the children of a server that was killed may need a moment to notice.
const startAttempts = 10

func (p *postgres) start(ctx context.Context, settings map[string]string) error {
	logFile := p.logFile()
	p.began = size(logFile)
	var output []byte
	var err error
	for range startAttempts {
		if p.port, err = freePort(ctx); err != nil {
			return err
		}
		settings["port"] = strconv.Itoa(p.port)
		var options []string
		for _, name := range slices.Sorted(maps.Keys(settings)) {
			options = append(options, fmt.Sprintf("-c %s='%s'", name, strings.ReplaceAll(settings[name], "'", "")))
		}
		output, err = p.ctl(ctx, "start", "-w", "-t", "120", "-l", logFile, "-o", strings.Join(options, " "))
		if err == nil {
			p.log.InfoContext(ctx, "private PostgreSQL runs", "dir", p.dir, "port", p.port)
			return p.watched()
		}
		timer := time.NewTimer(300 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
	if said := tail(logFile, p.began); len(said) > 0 {
		output = said
	}
	if diskIsFull(p.data(), logFile, p.began) {
		return fmt.Errorf("start PostgreSQL in %s: %s", p.dir, whyEnded(p.data(), logFile, p.began))
	}
	return fmt.Errorf("start PostgreSQL in %s: %w: %s (more in %s)", p.dir, err, lastLine(output), logFile)
}

func freePort(ctx context.Context) (int, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	address, ok := listener.Addr().(*net.TCPAddr)
	if err = listener.Close(); err != nil || !ok {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return address.Port, nil
}

func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
