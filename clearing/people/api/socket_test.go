package api_test

import (
	"bufio"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/people/api"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/language"
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

// remote serves over TLS, and gives clients of it that sign as somebody.
func (w *town) remote() func(id string) *api.Client {
	w.Helper()
	server := httptest.NewTLSServer(w.server.Remote())
	w.Cleanup(server.Close)
	roots := filepath.Join(w.TempDir(), "roots.pem")
	w.must(os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	w.Setenv("SSL_CERT_FILE", roots) // read once; the certificate of such servers is always the same
	return func(id string) *api.Client {
		c, err := api.At(server.URL, language.Language{})
		w.must(err)
		c.Knows([]proposal.Entry{chart.LimitEntry()})
		if id != "" {
			c.As(peopletest.Key(w, id), time.Now)
		}
		return c
	}
}

// TestTLS has people act over TLS: reading is signed by the client, too.
func TestTLS(t *testing.T) {
	w := newTown(t, 1000)
	client := w.remote()
	v := w.proposed(client("ann"), 2000)
	if _, err := client("ann").Approve(t.Context(), v.Number, v.Hash, v.Reason, false); w.kind(err) != api.Denied {
		t.Errorf("the proposer approves: %v", err)
	}
	if done, err := client("bob").Approve(t.Context(), v.Number, v.Hash, v.Reason, false); err != nil || done.State != proposal.Approved {
		t.Errorf("approved: %+v, %v", done, err)
	}
	if _, err := client("nobody").Show(t.Context(), v.Number); w.kind(err) != api.BadSignature {
		t.Errorf("nobody's key: %v", err)
	}
	if _, err := client("").Show(t.Context(), v.Number); err == nil {
		t.Error("without a key it is shown")
	}
	for _, at := range []string{"http://127.0.0.1:1", "https://", "127.0.0.1:8480", "https://ann@127.0.0.1:1", "https://127.0.0.1:1/x"} {
		if _, err := api.At(at, language.Language{}); err == nil {
			t.Errorf("%q is taken as a server", at)
		}
	}
}
