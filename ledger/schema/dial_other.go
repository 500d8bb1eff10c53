//go:build !linux

package schema

import (
	"syscall"
	"time"
)

// userTimeout is Linux's; elsewhere a connection is given up by its keepalives.
func userTimeout(time.Duration) func(network, address string, conn syscall.RawConn) error { return nil }
