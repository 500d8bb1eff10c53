package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startCockroach runs a single node without certificates that only this machine can reach.
func startCockroach(ctx context.Context, binary, dir string, log *slog.Logger) (*Database, error) {
	pidFile := filepath.Join(dir, "cockroach.pid")
	urlFile := filepath.Join(dir, "cockroach.url")
	if pid := cockroachProcess(pidFile); pid != 0 {
		log.InfoContext(ctx, "stop a CockroachDB left over", "pid", pid)
		if err := endProcess(pid); err != nil {
			return nil, err
		}
	}
	command := exec.CommandContext(ctx, binary, "start-single-node", "--insecure", "--store="+filepath.Join(dir, "cockroach"),
		"--listen-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--listening-url-file="+urlFile, "--pid-file="+pidFile, "--background")
	// A session of its own keeps Ctrl-C for the program; we stop the server in our own order.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("start %s: %w: %s", binary, err, lastLine(output))
	}
	text, err := os.ReadFile(urlFile)
	if err != nil {
		return nil, fmt.Errorf("read where CockroachDB listens: %w", err)
	}
	at, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read where CockroachDB listens: %w", err)
	}
	stop := func() error {
		if pid := cockroachProcess(pidFile); pid != 0 {
			return endProcess(pid)
		}
		return nil
	}
	if err = createDatabase(ctx, at.String()); err != nil {
		return nil, errors.Join(err, stop())
	}
	at.Path = "/" + databaseName
	return &Database{URL: at.String(), Description: "private CockroachDB node in " + dir, stop: stop}, nil
}

// cockroachProcess returns the number of the running process named in the file, or 0. A number the system gave to another program since
// does not count.
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
	limit := time.NewTimer(time.Minute)
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
