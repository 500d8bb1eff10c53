package pcscd

import (
	"os"
	"syscall"
)

// childAttributes end the daemon when this process ends, and keep the terminal's Ctrl-C from it: it
// must run until the remaining cards have been taken out.
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
