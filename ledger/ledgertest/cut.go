package ledgertest

import (
	"net"
	"sync"
	"testing"
)

// Cutter breaks a client's connection around one COMMIT.
type Cutter struct {
	*Relay

	mu       sync.Mutex
	left     int // COMMITs until the one that it breaks; 0: none is to break
	answered bool
}

// NewCutter returns a cutter for the database at rawURL, and the URL that leads through it.
func NewCutter(t testing.TB, rawURL string) (c *Cutter, through string) {
	t.Helper()
	c = &Cutter{}
	c.Relay, through = NewRelay(t, rawURL, c.pass)
	return c, through
}

// Arm has the connection break at the COMMIT number nth from now: before the server receives it,
// or, where it is to be answered, after the server has committed and before the client learns it.
func (c *Cutter) Arm(nth int, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.answered = nth, answered
}

// Disarm reports whether the connection broke since Arm. From then on none breaks.
func (c *Cutter) Disarm() (broke bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	broke = c.left == 0
	c.left = 0
	return broke
}

// strikes reports whether this COMMIT is the one.
func (c *Cutter) strikes() (now, answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return false, false
	}
	c.left--
	return c.left == 0, c.answered
}

func (c *Cutter) pass(client, server net.Conn) {
	lost, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		answers(client, server, lost)
	}()
	c.forward(client, server, lost, over)
	<-over
}

func (c *Cutter) forward(client, server net.Conn, lost, over chan struct{}) {
	defer func() { _ = server.Close() }()
	for first := true; ; first = false {
		frame, err := Frame(client, first)
		if err != nil {
			return
		}
		broken := false
		if IsCommit(frame) {
			now, answered := c.strikes()
			if now && !answered {
				_ = client.Close()
				return
			}
			if broken = now; broken {
				close(lost)
			}
		}
		if _, err = server.Write(frame); err != nil {
			return
		}
		if broken {
			<-over // the server has answered
			return
		}
	}
}

// answers carries what the server says, up to the answer that is lost.
func answers(client, server net.Conn, lost chan struct{}) {
	defer func() { _ = client.Close() }()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-lost:
			return
		default:
		}
		if _, err = client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
