//go:build !linux

package embedded

import "syscall"

// childAttributes: a session of its own keeps Ctrl-C for the program. Only Linux ties a
// child's life to its parent's; elsewhere the next start stops what was left over.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
