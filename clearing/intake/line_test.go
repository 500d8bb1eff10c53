package intake_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"citycard/ledger/ledgertest"
)

// line is the connection between an intake and its database. It breaks around one
// statement, and nothing gets through from then on until it is repaired: connections are
// cut or, where the line is quiet, stay and carry nothing.
type line struct {
	*ledgertest.Relay
	broken chan struct{} // closed once it broke

	mu       sync.Mutex
	text     string // of the statement
	behind   string // a statement that must have come before it, on any connection; empty: none
	quiet    bool
	mute     bool // a quiet line that broke
	answered bool // the server does it, its answer is lost; else it hears nothing of it
	down     bool
}

// newLine returns a line to the database at rawURL that breaks at the first statement
// with the text, and the URL that leads through it.
func newLine(t *testing.T, rawURL, text string, answered bool) (l *line, through string) {
	t.Helper()
	l = &line{broken: make(chan struct{}), text: text, answered: answered}
	l.Relay, through = ledgertest.NewRelay(t, rawURL, l.pass)
	return l, through
}

func (l *line) pass(client, server net.Conn) {
	l.mu.Lock()
	down, mute := l.down, l.mute
	l.mu.Unlock()
	switch {
	case mute:
		_, _ = io.Copy(io.Discard, client)
	case down:
		_, _ = client.Close(), server.Close()
	default:
		lost, over := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(over)
			l.back(client, server, lost)
		}()
		l.forward(client, server, lost)
		<-over
	}
}

// cutAll ends every connection there is, and those to come at once.
func (l *line) cutAll() {
	l.mu.Lock()
	l.down = true
	l.mu.Unlock()
	l.Cut()
}

// breakDown does so for the statement's sake, or lets nothing pass.
func (l *line) breakDown() {
	if l.quiet {
		l.mu.Lock()
		l.mute = true
		l.mu.Unlock()
	} else {
		l.cutAll()
	}
	close(l.broken)
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down, l.mute = false, false
}

// armBehind has the line break at the next statement with the text after one with another.
func (l *line) armBehind(behind, text string, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.behind, l.text, l.answered = behind, text, answered
}

// arm has the line break at the next statement with the text.
func (l *line) arm(text string, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text, l.answered = text, answered
}

func (l *line) isMute() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mute
}

// strikes tells whether the line breaks here, once.
func (l *line) strikes() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.text != ""
	l.text = ""
	return found
}

func (l *line) names(statement []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.behind != "" {
		if bytes.Contains(statement, []byte(l.behind)) {
			l.behind = ""
		}
		return false
	}
	return l.text != "" && bytes.Contains(statement, []byte(l.text))
}

// forward watches for the statement: a Parse gives it a name, a Bind of that name
// begins its execution.
func (l *line) forward(client, server net.Conn, lost chan struct{}) {
	defer server.Close()
	var name []byte
	for first := true; ; first = false {
		f, err := ledgertest.Frame(client, first)
		if err != nil {
			return
		}
		switch {
		case l.isMute():
			_, _ = io.Copy(io.Discard, client)
			return
		case f[0] == 'Q' && l.names(f[5:]) && l.strikes():
			if !l.answered {
				l.breakDown()
				_, _ = io.Copy(io.Discard, client)
				return
			}
			close(lost)
		case f[0] == 'P' && l.names(f[5:]):
			name, _, _ = bytes.Cut(f[5:], []byte{0})
		case f[0] == 'B' && name != nil:
			_, after, _ := bytes.Cut(f[5:], []byte{0})
			if bound, _, _ := bytes.Cut(after, []byte{0}); !bytes.Equal(bound, name) || !l.strikes() {
				break
			}
			if !l.answered {
				l.breakDown()
				return
			}
			close(lost)
		}
		if _, err := server.Write(f); err != nil {
			return
		}
	}
}

// readyForQuery ends what a server answers to a statement.
const readyForQuery = "Z\x00\x00\x00\x05"

func (l *line) back(client, server net.Conn, lost chan struct{}) {
	defer client.Close()
	buffer := make([]byte, 1<<16)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		select {
		case <-lost:
			if bytes.Contains(buffer[:n], []byte(readyForQuery)) {
				l.breakDown()
				if l.quiet {
					_, _ = io.Copy(io.Discard, server)
				}
				return
			}
		default:
			if l.isMute() {
				continue
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
}
