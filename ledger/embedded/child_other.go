//go:build !linux

package embedded

import "syscall"

// childAttributes gives the node a session of its own, so that Ctrl-C reaches only the program.
// Only Linux can end a child with its parent; elsewhere the next start stops a node that was left
// running.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
