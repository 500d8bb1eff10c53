package embedded

import "syscall"

// childAttributes gives the node a session of its own, so that Ctrl-C reaches only the program,
// which then stops the node in order. When the program is killed, the node is killed too.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}
