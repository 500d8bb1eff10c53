package api

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// socketName is the socket in a data directory.
const socketName = "api.sock"

// SocketPath is where a process that serves a data directory listens.
func SocketPath(dir string) string { return filepath.Join(dir, socketName) }

// longestSocket is how many bytes the path of a socket may have on every system (sockaddr_un).
const longestSocket = 100

// ListenSocket listens at the socket of a directory, which the caller holds. Only the directory's
// owner can open it. The socket that a killed process has left is replaced. Closing the listener
// removes it.
func ListenSocket(ctx context.Context, dir string) (net.Listener, error) {
	// It is made where nobody else can come, and moved when its mode is right.
	apart, err := os.MkdirTemp(dir, ".api-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(apart)
	made := filepath.Join(apart, "s")
	var listener net.Listener
	err = shortly(made, func(short string) (err error) {
		var config net.ListenConfig
		listener, err = config.Listen(ctx, "unix", short)
		return err
	})
	if err != nil {
		return nil, err
	}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // it is moved
	}
	path := SocketPath(dir)
	err = os.Chmod(made, 0o600)
	if err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return &socket{listener, path}, nil
}

// socket is a listener that removes its socket.
type socket struct {
	net.Listener
	path string
}

// Close stops listening and removes the socket.
func (s *socket) Close() error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, s.Listener.Close())
	}
	return s.Listener.Close()
}

// dialSocket connects to a socket.
func dialSocket(ctx context.Context, path string) (conn net.Conn, err error) {
	err = shortly(path, func(short string) (err error) {
		var dialer net.Dialer
		conn, err = dialer.DialContext(ctx, "unix", short)
		return err
	})
	return conn, err
}

// shortly calls do with the path of a socket or, where that is too long for one, with a short path
// of the same file.
func shortly(path string, do func(short string) error) error {
	if len(path) <= longestSocket {
		return do(path)
	}
	where, err := os.MkdirTemp("", "citycard-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(where)
	absolute, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return err
	}
	link := filepath.Join(where, "d")
	if err := os.Symlink(absolute, link); err != nil {
		return err
	}
	return do(filepath.Join(link, filepath.Base(path)))
}
