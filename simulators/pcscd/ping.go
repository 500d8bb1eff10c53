package pcscd

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// Of pcsc-lite's winscard_msg.h: a header of size and command, both 32 bits in
// the machine's byte order, then for CMD_VERSION the client's protocol major
// and minor number and a result, answered in the same shape.
const (
	cmdVersion    = 0x11
	protocolMajor = 4
	protocolMinor = 4
	versionLen    = 12
)

// Ping asks the pcscd at socket for its protocol version; nil when it answers.
func Ping(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return fmt.Errorf("no pcscd: %w", err)
	}
	defer conn.Close() //nolint:errcheck // nothing is buffered
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("no pcscd: %w", err)
	}
	message := make([]byte, 0, 8+versionLen)
	for _, v := range [...]uint32{versionLen, cmdVersion, protocolMajor, protocolMinor, 0} {
		message = binary.NativeEndian.AppendUint32(message, v)
	}
	if _, err := conn.Write(message); err != nil {
		return fmt.Errorf("pcscd takes no message: %w", err)
	}
	answer := make([]byte, versionLen)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return fmt.Errorf("pcscd does not answer: %w", err)
	}
	if major := binary.NativeEndian.Uint32(answer); major != protocolMajor {
		return fmt.Errorf("pcscd speaks protocol %d, want %d", major, protocolMajor)
	}
	return nil
}
