//go:build !linux

package schema

import (
	"syscall"
	"time"
)

// userTimeout exists on Linux only; elsewhere keepalives end a connection.
func userTimeout(time.Duration) func(network, address string, conn syscall.RawConn) error { return nil }
