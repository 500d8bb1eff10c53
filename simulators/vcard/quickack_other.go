//go:build !linux

package vcard

import "net"

// quickAck exists on Linux only; elsewhere an APDU may take 40 ms.
func quickAck(net.Conn) {}
