package ledgertest

import (
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Relay stands between a client and its database, for tests that lose what passes.
type Relay struct {
	listener net.Listener
	upstream string
	pass     func(client, server net.Conn)

	mu    sync.Mutex
	conns []net.Conn
	done  sync.WaitGroup
	ended chan struct{} // closed once no more connections are taken
}

// NewRelay returns a relay for the database at rawURL, and the URL that leads through it. pass
// carries what one connection says, and closes both ends; at the end of the test both are closed
// for it.
func NewRelay(t testing.TB, rawURL string, pass func(client, server net.Conn)) (r *Relay, through string) {
	t.Helper()
	at, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r = &Relay{listener: listener, upstream: at.Host, pass: pass, ended: make(chan struct{})}
	go r.accept()
	t.Cleanup(func() {
		r.Refuse()
		<-r.ended
		r.Cut()
		r.done.Wait()
	})
	at.Host = listener.Addr().String()
	return r, at.String()
}

func (r *Relay) accept() {
	defer close(r.ended)
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp4", r.upstream)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, client, server)
		r.mu.Unlock()
		r.done.Go(func() { r.pass(client, server) })
	}
}

// Refuse has the relay take no more connections.
func (r *Relay) Refuse() { _ = r.listener.Close() }

// Cut closes every connection there is.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		_ = conn.Close()
	}
	r.conns = nil
}

// Frame reads one message of a client: a type byte (not in the first message), a length that
// counts itself, a body.
func Frame(from io.Reader, first bool) ([]byte, error) {
	header := make([]byte, 5)
	if first {
		header = header[:4]
	}
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	whole := make([]byte, len(header)-4+int(binary.BigEndian.Uint32(header[len(header)-4:])))
	copy(whole, header)
	_, err := io.ReadFull(from, whole[len(header):])
	return whole, err
}

// IsCommit reports whether a message of a client is a COMMIT as pgx sends it.
func IsCommit(frame []byte) bool { return string(frame) == "Q\x00\x00\x00\x0bcommit\x00" }
