package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/cmd/service"
	"citycard/language"
)

// maxUnshown is how many lines may wait for a display; a slower one misses some.
const maxUnshown = 64

// Outcomes of a passage, for displays; words.go has what passengers read.
const (
	outcomePaid         = "paid"
	outcomeRepeated     = "repeated" // nothing opens
	outcomeUnknown      = "unknown"
	outcomeListed       = "listed"
	outcomeShort        = "short"
	outcomeMinimum      = "below_minimum"
	outcomeExpired      = "expired"
	outcomeInside       = "inside"
	outcomeNotInside    = "not_inside"
	outcomeBlocked      = "blocked"
	outcomeNotEnabled   = "not_enabled"
	outcomeElsewhere    = "elsewhere"
	outcomeAlgorithm    = "algorithm"
	outcomeNotTransit   = "not_transit"
	outcomeNoFare       = "no_fare"
	outcomeRefused      = "refused"
	outcomeClosed       = "closed"
	outcomeOpen         = "open" // a gate in an emergency release; cards are not read
	outcomeInService    = "in_service"
	outcomeOutOfService = "out_of_service"
)

const (
	warningLowBalance = "low_balance"
	warningExpires    = "expires_soon"
	movementEntry     = "entry"
)

// Sounds that a display makes.
const (
	soundNone    = 0
	soundPass    = 1
	soundWarning = 2 // it passes, and something is to be read
	soundStop    = 3
	soundAgain   = 4 // hold the card again
	soundHasPaid = 5 // nothing opens: the passage of its payment was opened before
)

// shown is a line for a display; docs/configuration.md explains it.
type shown struct {
	Time     time.Time `json:"time"`
	Lane     string    `json:"lane"`
	Outcome  string    `json:"outcome"`
	Sound    int       `json:"sound"`
	Card     string    `json:"card,omitempty"` // masked
	Fen      *uint32   `json:"amount_fen,omitempty"`
	Balance  *int32    `json:"balance_fen,omitempty"`   // below 0: overdrawn
	Movement string    `json:"movement,omitempty"`      // entry, exit, single
	Expiry   string    `json:"expiry,omitempty"`        // YYYYMMDD
	Warning  string    `json:"warning,omitempty"`       // low_balance, expires_soon
	Modes    []string  `json:"service_modes,omitempty"` // in force at the lane
	Text     string    `json:"text,omitempty"`          // what the passenger reads, in English
	TextZH   string    `json:"text_zh,omitempty"`       // the same in Chinese
}

// display prints the outcomes of all lanes as lines of JSON, on standard output or to everybody who
// connects to a Unix socket. It never delays a lane: what is not accepted in time is left out and
// counted. The state of each lane is told to every display, also to one that comes later or that
// has missed lines: by it a gate opens in an emergency, and closes.
type display struct {
	log     *slog.Logger
	dropped prometheus.Counter

	mu       sync.Mutex
	readers  map[chan []byte]*screen
	states   map[string][]byte // the last state of each lane, by its name
	working  sync.WaitGroup
	listener net.Listener
}

// screen is one that reads the lines.
type screen struct {
	io.WriteCloser
	behind map[string]bool // lanes whose last state it has not been sent
}

const toSocket = "unix:"

// startDisplay starts one at stdout or unix:PATH.
func startDisplay(ctx context.Context, where string, log *slog.Logger, registry *prometheus.Registry) (*display, error) {
	d := &display{log: log, readers: map[chan []byte]*screen{}, states: map[string][]byte{}, dropped: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cardterm_display_dropped_total", Help: "Lines that a display did not accept in time.",
	})}
	path, socket := strings.CutPrefix(where, toSocket)
	switch {
	case socket && path != "":
		if before, err := os.Lstat(path); err == nil && before.Mode().Type() == os.ModeSocket { // of the last run
			if err := os.Remove(path); err != nil {
				return nil, err
			}
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		d.listener = listener
		d.working.Go(d.accept)
	case where == "stdout":
		d.add(nopCloser{os.Stdout})
	default:
		return nil, service.Exit(service.ExitUsage, service.Fail("no display at %q", where).Todo("give --display stdout or --display unix:PATH"))
	}
	registry.MustRegister(d.dropped)
	return d, nil
}

// nopCloser is standard output, which stays open.
type nopCloser struct{ io.Writer }

// Close implements io.Closer.
func (nopCloser) Close() error { return nil }

func (d *display) accept() {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				d.log.Error("displays cannot connect any more", logged(err))
			}
			return
		}
		d.add(conn)
	}
}

// add sends a display the lines from now on, until it takes no more.
func (d *display) add(out io.WriteCloser) {
	lines := make(chan []byte, maxUnshown)
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &screen{out, map[string]bool{}}
	for lane := range d.states {
		s.behind[lane] = true
	}
	d.readers[lines] = s
	d.send(lines, s)
	d.working.Go(func() {
		for line := range lines {
			if _, err := out.Write(line); err != nil {
				d.log.Warn("a display takes no more", logged(err))
				break
			}
		}
		d.remove(lines)
		for range lines { // what came meanwhile
		}
		_ = out.Close()
	})
}

// remove sends a display nothing more.
func (d *display) remove(lines chan []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.readers[lines]; there {
		delete(d.readers, lines)
		close(lines)
	}
}

// show sends a line to all displays. It does nothing if there is none.
func (d *display) show(s shown) {
	if line := d.line(s); line != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		for lines := range d.readers {
			select {
			case lines <- line:
			default:
				d.dropped.Inc()
			}
		}
	}
}

// tell sends a lane's state to all displays, to each as soon as it takes it.
func (d *display) tell(s shown) {
	if line := d.line(s); line != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.states[s.Lane] = line
		for lines, to := range d.readers {
			to.behind[s.Lane] = true
			d.send(lines, to)
		}
	}
}

// catchUp sends the states that displays have missed.
func (d *display) catchUp() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for lines, to := range d.readers {
		d.send(lines, to)
	}
}

// send sends a display the states that it has not been sent, as far as it takes them. The caller
// holds mu.
func (d *display) send(lines chan []byte, to *screen) {
	for lane := range to.behind {
		select {
		case lines <- d.states[lane]:
			delete(to.behind, lane)
		default:
			return
		}
	}
}

// line is the text of a line, nil where nobody reads it.
func (d *display) line(s shown) []byte {
	if d == nil {
		return nil
	}
	if words := s.words(); words != nil {
		s.Text, s.TextZH = words.Error(), words.In(language.Chinese())
	}
	line, err := json.Marshal(s)
	if err != nil {
		d.log.Error("a line for displays cannot be written", logged(err))
		return nil
	}
	return append(line, '\n')
}

// Close lets displays take the remaining lines, as far as ctx allows.
func (d *display) Close(ctx context.Context) error {
	var err error
	if d.listener != nil {
		err = d.listener.Close()
	}
	d.mu.Lock()
	outs := make([]io.Closer, 0, len(d.readers))
	for lines, out := range d.readers {
		outs = append(outs, out)
		delete(d.readers, lines)
		close(lines)
	}
	d.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.working.Wait()
	}()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	for _, out := range outs {
		err = errors.Join(err, out.Close())
	}
	return errors.Join(err, language.Textf("a display does not take the last lines: %w", ctx.Err()))
}
