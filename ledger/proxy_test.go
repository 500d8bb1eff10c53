package ledger_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cut is what the proxy does to the next COMMIT.
type cut int

const (
	pass      cut = iota
	unsent        // the connection breaks before the server receives it
	answered      // the server commits, the connection breaks before the client learns it
	mute          // the server does not hear of it, and the client hears nothing
	muteAfter     // the server commits, and the client hears nothing
	late          // the client's connection breaks; the server receives the COMMIT only when release is closed
)

// proxy stands between client and database, frame by frame, and cuts the connection around a
// COMMIT.
type proxy struct {
	t        *testing.T
	listener net.Listener
	upstream string

	mu      sync.Mutex
	next    cut
	cuts    int
	release chan struct{}
	gone    bool // nothing passes, on no connection; nobody is told
	conns   []net.Conn
	done    sync.WaitGroup
}

// newProxy returns a proxy for the database at rawURL, and the URL that leads through it.
func newProxy(t *testing.T, rawURL string) (*proxy, string) {
	t.Helper()
	at, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, listener: listener, upstream: at.Host, release: make(chan struct{})}
	p.done.Go(p.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		p.closeAll()
		p.done.Wait()
	})
	at.Host = listener.Addr().String()
	return p, at.String()
}

func (p *proxy) arm(c cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = c
}

// take returns the cut that is armed, once.
func (p *proxy) take() cut {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.next
	p.next = pass
	if c != pass {
		p.cuts++
	}
	return c
}

func (p *proxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// vanish has the server's host vanish, or come back for new connections.
func (p *proxy) vanish(gone bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = gone
}

func (p *proxy) vanished() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp4", p.upstream)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		gone := p.gone
		p.mu.Unlock()
		if gone {
			p.done.Go(func() { _, _ = io.Copy(io.Discard, client) })
			continue
		}
		swallow, over := make(chan struct{}), make(chan struct{})
		p.done.Go(func() { p.forward(client, server, swallow, over) })
		p.done.Go(func() {
			defer close(over)
			p.back(client, server, swallow)
		})
	}
}

func (p *proxy) closeAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.conns {
		_ = conn.Close()
	}
}

// readFrame reads one message of the client: a type byte (not in the first message), a length that
// counts itself, a body.
func readFrame(from io.Reader, first bool) ([]byte, error) {
	header := make([]byte, 5)
	if first {
		header = header[:4]
	}
	if _, err := io.ReadFull(from, header); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(header[len(header)-4:])
	frame := make([]byte, len(header)+int(length)-4)
	copy(frame, header)
	_, err := io.ReadFull(from, frame[len(header):])
	return frame, err
}

func (p *proxy) forward(client, server net.Conn, swallow, over chan struct{}) {
	defer func() { _ = server.Close() }()
	for first := true; ; first = false {
		frame, err := readFrame(client, first)
		if err != nil {
			return
		}
		if bytes.Equal(frame, []byte("Q\x00\x00\x00\x0bcommit\x00")) {
			switch p.take() {
			case unsent:
				_ = server.Close()
				_ = client.Close()
				return
			case mute:
				_, _ = io.Copy(io.Discard, client)
				return
			case answered:
				close(swallow)
			case muteAfter:
				p.vanish(true)
				_, _ = server.Write(frame)
				_, _ = io.Copy(io.Discard, client)
				return
			case late:
				close(swallow)
				_ = client.Close()
				<-p.release
			}
		}
		if p.vanished() {
			_, _ = io.Copy(io.Discard, client)
			return
		}
		if _, err = server.Write(frame); err != nil {
			return
		}
		select {
		case <-swallow:
			// The server's answer to the COMMIT ends this direction; one that sees its client
			// leave before it may roll back.
			<-over
			return
		default:
		}
	}
}

func (p *proxy) back(client, server net.Conn, swallow chan struct{}) {
	defer func() { _ = client.Close() }()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-swallow:
			return
		default:
		}
		if p.vanished() {
			continue
		}
		if _, err = client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
