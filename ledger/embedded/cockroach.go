package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"citycard/language"
)

// How long a node may take until its first answer, and to end when it is asked to.
const (
	startLimit = 2 * time.Minute
	endLimit   = time.Minute
)

// cockroach is a private CockroachDB: a single node that only this machine can reach, and
// only with the certificate of its user root, which lies in its directory.
type cockroach struct {
	binary string
	dir    string
	log    *slog.Logger

	host    string // where it listens
	process *os.Process
	ended   chan struct{} // closed once the node is gone
	err     error         // why it ended, once ended is closed
}

func startCockroach(ctx context.Context, binary, dir string, log *slog.Logger) (*Database, error) {
	c := &cockroach{binary: binary, dir: dir, log: log, ended: make(chan struct{})}
	if pid := cockroachProcess(c.pidFile()); pid != 0 {
		log.InfoContext(ctx, "stop a CockroachDB left over", "pid", pid)
		if err := endProcess(pid); err != nil {
			return nil, err
		}
	}
	for _, old := range []string{c.pidFile(), c.urlFile()} {
		if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("clear what the last CockroachDB left: %w", err)
		}
	}
	if err := c.certify(ctx); err != nil {
		return nil, err
	}
	at, err := c.run(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c.host = at.Host
	at.Path = "/" + databaseName
	return &Database{URL: at.String(), Description: language.Textf("private CockroachDB node in %s", dir), server: c, restart: c.restart}, nil
}

// run starts the node at the address, waits until it answers, and says where it is.
func (c *cockroach) run(ctx context.Context, address string) (*url.URL, error) {
	if err := c.start(ctx, address); err != nil {
		return nil, err
	}
	at, err := c.await(ctx)
	if err != nil {
		select {
		case <-c.ended:
			return nil, err
		default:
			return nil, errors.Join(err, c.stop())
		}
	}
	return at, nil
}

// restart kills the node and starts it again at its address, with its certificates.
func (c *cockroach) restart(ctx context.Context) error {
	if err := c.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill CockroachDB: %w", err)
	}
	<-c.ended
	if err := os.Remove(c.urlFile()); err != nil {
		return fmt.Errorf("clear what CockroachDB left: %w", err)
	}
	c.ended = make(chan struct{})
	_, err := c.run(ctx, c.host)
	return err
}

func (c *cockroach) pidFile() string { return filepath.Join(c.dir, "cockroach.pid") }
func (c *cockroach) urlFile() string { return filepath.Join(c.dir, "cockroach.url") }
func (c *cockroach) logFile() string { return filepath.Join(c.dir, "cockroach.log") }
func (c *cockroach) certs() string   { return filepath.Join(c.dir, "certs") }

// command runs the binary without our environment, which holds passphrases and passwords of this
// program.
func (c *cockroach) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, c.binary, args...)
	command.Dir = c.dir
	command.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + c.dir}
	return command
}

// certify makes an authority, certificates for the node and for its user root, and removes the
// authority's key, so that nobody can make more. They are new at every start.
func (c *cockroach) certify(ctx context.Context) error {
	key := filepath.Join(c.dir, "ca.key")
	for _, old := range []string{c.certs(), key} {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("clear old certificates: %w", err)
		}
	}
	if err := os.Mkdir(c.certs(), 0o700); err != nil {
		return fmt.Errorf("make room for certificates: %w", err)
	}
	places := []string{"--certs-dir=" + c.certs(), "--ca-key=" + key}
	for _, what := range [][]string{{"create-ca"}, {"create-node", "127.0.0.1", "localhost"}, {"create-client", "root"}} {
		output, err := c.command(ctx, append(append([]string{"cert"}, what...), places...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s cert %s: %w: %s", c.binary, what[0], err, lastLine(output))
		}
	}
	if err := os.Remove(key); err != nil {
		return fmt.Errorf("remove the key of the certificate authority: %w", err)
	}
	return nil
}

// start runs the node as our child, with its output in a file, because a pipe would have to be read
// all the time. The node is stopped in order, not when ctx ends.
func (c *cockroach) start(ctx context.Context, address string) error {
	output, err := os.OpenFile(c.logFile(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of CockroachDB: %w", err)
	}
	command := c.command(context.WithoutCancel(ctx), "start-single-node", "--certs-dir="+c.certs(), "--store="+filepath.Join(c.dir, "cockroach"),
		"--listen-addr="+address, "--http-addr=127.0.0.1:0", "--listening-url-file="+c.urlFile(), "--pid-file="+c.pidFile())
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = childAttributes()
	started := make(chan error, 1)
	go func() {
		// The child is killed when the thread that made it ends, not only when the process does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := command.Start()
		c.process = command.Process
		started <- err
		if err == nil {
			c.err = command.Wait()
		}
		_ = output.Close()
		close(c.ended)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", c.binary, err)
	}
	return nil
}

// await waits until the node answers and has our database, and says where it is.
func (c *cockroach) await(ctx context.Context) (*url.URL, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		at, err := c.address()
		if err == nil {
			if err = createDatabase(ctx, at.String()); err == nil {
				return at, nil
			}
		}
		select {
		case <-c.ended:
			return nil, fmt.Errorf("CockroachDB in %s ended at its start: %w: %s (more in %s)", c.dir, c.end(), c.said(), c.logFile())
		case <-ctx.Done():
			return nil, fmt.Errorf("CockroachDB in %s does not answer: %w: %w (more in %s)", c.dir, ctx.Err(), err, c.logFile())
		case <-tick.C:
		}
	}
}

// address is how the node is reached: by the port that it has taken, as root.
func (c *cockroach) address() (*url.URL, error) {
	text, err := os.ReadFile(c.urlFile())
	if err != nil {
		return nil, err
	}
	said, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil || said.Port() == "" {
		return nil, fmt.Errorf("it says that it listens at %q", strings.TrimSpace(string(text)))
	}
	file := func(name string) string { return filepath.Join(c.certs(), name) }
	query := url.Values{
		"sslmode": {"verify-full"}, "sslrootcert": {file("ca.crt")}, "sslcert": {file("client.root.crt")}, "sslkey": {file("client.root.key")},
	}
	return &url.URL{
		Scheme: "postgres", User: url.User("root"), Host: net.JoinHostPort("127.0.0.1", said.Port()), Path: "/defaultdb", RawQuery: query.Encode(),
	}, nil
}

// end returns why a node that is gone has ended.
func (c *cockroach) end() error {
	if c.err == nil {
		return errors.New("exit status 0")
	}
	return c.err
}

func (c *cockroach) gone() <-chan struct{} { return c.ended }

// exitDiskFull is the exit code of a node whose store has no room.
const exitDiskFull = 10

// why says why the node ended.
func (c *cockroach) why() error {
	why := whyEnded(c.dir, c.logFile(), 0)
	var exit *exec.ExitError
	if errors.As(c.err, &exit) && exit.ExitCode() == exitDiskFull {
		why = noSpace + " in " + c.dir
	}
	if why == "" {
		why = fmt.Sprintf("%v: %s (more in %s)", c.end(), c.said(), c.logFile())
	}
	return &EndedError{Server: "CockroachDB in " + c.dir, Why: why}
}

// said returns the last line of the node's output.
func (c *cockroach) said() string {
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	return lastLine(text)
}

// stop ends the node in good order.
func (c *cockroach) stop() error {
	select {
	case <-c.ended:
		return c.why()
	default:
	}
	if err := c.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop CockroachDB: %w", err)
	}
	limit := time.NewTimer(endLimit)
	defer limit.Stop()
	select {
	case <-c.ended:
		return nil
	case <-limit.C:
	}
	err := c.process.Kill()
	<-c.ended
	return errors.Join(fmt.Errorf("CockroachDB in %s did not end within %s and was killed", c.dir, endLimit), err)
}

// cockroachProcess returns the number of the running process named in the file, or 0. If the system
// has since given the number to another program, the result is 0.
func cockroachProcess(pidFile string) int {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0
	}
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !strings.Contains(string(command), "start-single-node") {
		return 0
	}
	return pid
}

// endProcess asks the process to end and waits until it has.
func endProcess(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the database: %w", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(endLimit)
	defer limit.Stop()
	for syscall.Kill(pid, 0) == nil {
		select {
		case <-tick.C:
		case <-limit.C:
			return fmt.Errorf("stop the database: process %d does not end", pid)
		}
	}
	return nil
}
