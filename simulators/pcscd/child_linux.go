package pcscd

import (
	"os"
	"syscall"
)

// childAttributes let the daemon end with us, and keep the terminal's Ctrl-C
// from it: it must outlive the cards we still have to take out.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// privateAttributes also give the daemon a mount namespace of its own.
func privateAttributes() *syscall.SysProcAttr {
	attributes := childAttributes()
	attributes.Unshareflags = syscall.CLONE_NEWNS
	return attributes
}

func canBePrivate() bool { return os.Geteuid() == 0 }
