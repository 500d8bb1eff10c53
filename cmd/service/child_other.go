//go:build unix && !linux

package service

import "syscall"

// childAttributes: a process group of its own. Only Linux can tie a process's
// life to its parent's.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
