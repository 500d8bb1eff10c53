package embedded

import "syscall"

// childAttributes: a session of its own keeps Ctrl-C for the program, which stops the node
// in its own order; when the program is killed, so is the node.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}
