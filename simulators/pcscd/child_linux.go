package pcscd

import "syscall"

// childAttributes let the daemon end with us, and keep the terminal's Ctrl-C
// from it: it must outlive the cards we still have to take out.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
