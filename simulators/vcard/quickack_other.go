//go:build !linux

package vcard

import "net"

// quickAck is known on Linux only; elsewhere an APDU may take 40 ms.
func quickAck(net.Conn) {}
