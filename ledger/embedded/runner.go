package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// runner runs the server's programs as a user they accept.
type runner struct {
	// credential is nil when they run as ourselves.
	credential *syscall.Credential
	name       string
}

// newRunner chooses the user: our own, or, because PostgreSQL refuses to run as root, postgres or
// nobody when we are root. That user must be able to reach dir.
func newRunner(dir string) (runner, error) {
	if os.Geteuid() != 0 {
		return runner{}, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		if account, err = user.Lookup("nobody"); err != nil {
			return runner{}, errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor nobody; start as another user")
		}
	}
	uid, err := strconv.ParseUint(account.Uid, 10, 32)
	if err != nil {
		return runner{}, fmt.Errorf("user %s has the number %q: %w", account.Username, account.Uid, err)
	}
	gid, err := strconv.ParseUint(account.Gid, 10, 32)
	if err != nil {
		return runner{}, fmt.Errorf("user %s has the group %q: %w", account.Username, account.Gid, err)
	}
	r := runner{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, name: account.Username}
	return r, r.canReach(dir)
}

// canReach checks that the user may pass through dir and all directories above it.
func (r runner) canReach(dir string) error {
	for path := dir; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("look at %s: %w", path, err)
		}
		status, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return fmt.Errorf("look at %s: the system does not say whose it is", path)
		}
		need := os.FileMode(0o001)
		switch {
		case status.Uid == r.credential.Uid:
			need = 0o100
		case status.Gid == r.credential.Gid:
			need = 0o010
		}
		if info.Mode()&need == 0 {
			return fmt.Errorf("user %s, as whom the private database runs, cannot pass through %s; run \"chmod o+x %s\" or choose another directory",
				r.name, path, path)
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}

// own gives a file to the user.
func (r runner) own(path string) error {
	if r.credential == nil {
		return nil
	}
	return os.Chown(path, int(r.credential.Uid), int(r.credential.Gid))
}

// mkdir makes a directory only the user can enter.
func (r runner) mkdir(path string) error {
	if err := errors.Join(os.Mkdir(path, 0o700), r.own(path)); err != nil {
		return fmt.Errorf("create the data directory: %w", err)
	}
	return nil
}

// run runs a program to its end and returns what it printed. Output goes to a file, because the
// server that pg_ctl starts would keep a pipe open.
func (r runner) run(ctx context.Context, program string, args ...string) ([]byte, error) {
	output, err := os.CreateTemp("", "citycard-database-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	if err = os.Remove(output.Name()); err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Dir = "/"
	command.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	command.Stdout, command.Stderr = output, output
	command.SysProcAttr = &syscall.SysProcAttr{Credential: r.credential, Setsid: true}
	err = command.Run()
	text := make([]byte, 1<<14)
	n, _ := output.ReadAt(text, 0)
	return text[:n], err
}
