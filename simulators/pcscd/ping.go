package pcscd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"time"

	"citycard/language"
)

// Of pcsc-lite's winscard_msg.h and eventhandler.h: a message is a header of
// size and command, both 32 bits in the machine's byte order, and its body.
// CMD_VERSION carries the client's protocol major and minor number and a result,
// and is answered in the same shape. CMD_GET_READERS_STATE has no body and is
// answered with sixteen reader states, of which the first 128 bytes are the name.
const (
	cmdVersion      = 0x11
	cmdReadersState = 0x12
	protocolMajor   = 4
	protocolMinor   = 4
	versionLen      = 12
	maxReaders      = 16
	readerNameLen   = 128
	readerStateLen  = 184
)

// ping asks the pcscd at socket for its protocol version; nil when it answers.
func ping(ctx context.Context, socket string) error {
	conn, err := dial(ctx, socket)
	if err != nil {
		return err
	}
	return conn.Close()
}

// readers asks the pcscd at socket for the names of its readers.
func readers(ctx context.Context, socket string) ([]string, error) {
	conn, err := dial(ctx, socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is buffered
	states := make([]byte, maxReaders*readerStateLen)
	if err := ask(conn, cmdReadersState, nil, states); err != nil {
		return nil, err
	}
	var names []string
	for ; len(states) > 0; states = states[readerStateLen:] {
		if name, _, _ := bytes.Cut(states[:readerNameLen], []byte{0}); len(name) > 0 {
			names = append(names, string(name))
		}
	}
	return names, nil
}

// dial connects and exchanges versions.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, language.Textf("no pcscd: %w", err)
	}
	deadline, _ := ctx.Deadline()
	answer := make([]byte, versionLen)
	body := binary.NativeEndian.AppendUint32(nil, protocolMajor)
	body = binary.NativeEndian.AppendUint32(body, protocolMinor)
	body = binary.NativeEndian.AppendUint32(body, 0)
	if err = conn.SetDeadline(deadline); err == nil {
		err = ask(conn, cmdVersion, body, answer)
	}
	if err == nil && binary.NativeEndian.Uint32(answer) != protocolMajor {
		err = language.Textf("pcscd speaks protocol %d, want %d", binary.NativeEndian.Uint32(answer), protocolMajor)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// ask sends one message and fills answer.
func ask(conn net.Conn, command uint32, body, answer []byte) error {
	message := binary.NativeEndian.AppendUint32(nil, uint32(len(body)))
	message = binary.NativeEndian.AppendUint32(message, command)
	if _, err := conn.Write(append(message, body...)); err != nil {
		return language.Textf("pcscd takes no message: %w", err)
	}
	if _, err := io.ReadFull(conn, answer); err != nil {
		return language.Textf("pcscd does not answer: %w", err)
	}
	return nil
}
