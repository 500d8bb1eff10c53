package api_test

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/clearing/people/api"
)

// TestSocket listens where a killed process has left its socket, in a directory whose path is too
// long for one.
func TestSocket(t *testing.T) {
	w := newTown(t, 1000)
	for _, name := range []string{"short", strings.Repeat("long", 40)} {
		w.dir = filepath.Join(t.TempDir(), name)
		w.must(os.Mkdir(w.dir, 0o700))
		left, err := api.ListenSocket(t.Context(), w.dir)
		w.must(err)
		before, err := os.Stat(api.SocketPath(w.dir))
		w.must(err)
		w.listen()
		after, err := os.Stat(api.SocketPath(w.dir))
		w.must(err)
		if os.SameFile(before, after) || after.Mode() != os.ModeSocket|0o600 {
			t.Errorf("%s: the socket is the one that was left, or of the mode %s", name, after.Mode())
		}
		if _, err := w.client("ann").Books(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w.must(left.Close())
		if files, err := filepath.Glob(filepath.Join(w.dir, "*")); err != nil || len(files) != 0 {
			t.Errorf("%s: closing leaves %v, %v", name, files, err)
		}
	}
	if _, err := w.client("ann").Books(t.Context()); w.kind(err) != api.Unavailable {
		t.Errorf("without a socket: %v", err)
	}
}

// TestCrowd keeps 100 connections that send nothing more, and a client whose body is slow: others
// are answered meanwhile, and these are cut off.
func TestCrowd(t *testing.T) {
	w := newTown(t, 1000)
	ann := w.socket("ann")
	idle := make([]net.Conn, 100)
	for i := range idle {
		conn, err := net.Dial("unix", api.SocketPath(w.dir))
		w.must(err)
		defer conn.Close()
		idle[i] = conn
		_, err = conn.Write([]byte("POST /v1/proposals HTTP/1.1\r\n"))
		w.must(err)
	}
	slow, err := net.Dial("unix", api.SocketPath(w.dir))
	w.must(err)
	defer slow.Close()
	_, err = slow.Write([]byte("POST /v1/proposals/draft HTTP/1.1\r\nHost: citycard\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"))
	w.must(err)
	w.proposed(ann, 2000)
	for _, conn := range idle {
		w.must(conn.SetReadDeadline(time.Now().Add(time.Minute)))
		if _, err := bufio.NewReader(conn).ReadByte(); err == nil {
			continue // it is told why
		} else if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Fatal("a connection that sends nothing is kept")
		}
	}
	w.must(slow.SetReadDeadline(time.Now().Add(time.Minute)))
	answer, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil {
		t.Fatalf("a slow client: %v", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusRequestTimeout || answer.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a slow client is answered %s", answer.Status)
	}
}
