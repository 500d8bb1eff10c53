package ledger_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"citycard/ledger/ledgertest"
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
	*ledgertest.Relay

	mu      sync.Mutex
	next    cut
	cuts    int
	release chan struct{}
	gone    bool // nothing passes, on no connection; nobody is told
}

// newProxy returns a proxy for the database at rawURL, and the URL that leads through it.
func newProxy(t *testing.T, rawURL string) (p *proxy, through string) {
	t.Helper()
	p = &proxy{release: make(chan struct{})}
	p.Relay, through = ledgertest.NewRelay(t, rawURL, p.pass)
	return p, through
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

func (p *proxy) pass(client, server net.Conn) {
	if p.vanished() {
		_, _ = io.Copy(io.Discard, client)
		return
	}
	swallow, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		p.back(client, server, swallow)
	}()
	p.forward(client, server, swallow, over)
	<-over
}

func (p *proxy) forward(client, server net.Conn, swallow, over chan struct{}) {
	defer func() { _ = server.Close() }()
	for first := true; ; first = false {
		frame, err := ledgertest.Frame(client, first)
		if err != nil {
			return
		}
		if ledgertest.IsCommit(frame) {
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
