//go:build !linux

package kafkatest

import "syscall"

// childAttributes is empty: only Linux ties a child's life to its parent's.
func childAttributes() *syscall.SysProcAttr { return nil }
