package ledgertest

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// stopAndRemove waits for the end of its input, then stops the PostgreSQL servers below the
// folder $1 and removes the folder.
const stopAndRemove = `read -r _
find "$1" -name postmaster.pid 2>/dev/null | while read -r file; do
	server=$(head -n 1 "$file") || continue
	kill -QUIT "$server" 2>/dev/null
	tries=0
	while kill -0 "$server" 2>/dev/null && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
done
rm -rf "$1"`

// guard starts a shell that outlives the test process and cleans up after it, however the process
// ended: a test binary whose time is up ends at once, and would leave its server running. The shell
// acts when the pipe that only this process holds is closed. If everything was stopped and removed
// before, it has nothing to do.
func guard(dir string) (io.Closer, error) {
	shell := exec.Command("/bin/sh", "-c", stopAndRemove, "sh", dir)
	// Ctrl-C is for the tests; the shell has to outlive them.
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := shell.StdinPipe()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("watch over the test database: %w", err)
	}
	return pipe, nil
}
