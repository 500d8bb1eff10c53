package vcard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"citycard/language"
)

// Addresses of the two slots of an unchanged vsmartcard-vpcd package.
const (
	FirstSlot  = "127.0.0.1:35963"
	SecondSlot = "127.0.0.1:35964"
)

// The reader's own messages.
const (
	powerOff = 0x00
	powerOn  = 0x01
	reset    = 0x02
	getATR   = 0x04
)

// maxMessage is the longest message the length field can say.
const maxMessage = 1<<16 - 1

var (
	// ErrNoReader: nothing listens at the slot's address.
	ErrNoReader = language.Textf("no virtual reader")
	// ErrOccupied: a card is in this slot already.
	ErrOccupied = language.Textf("a card is in the slot")
	// ErrEmpty: no card is in this slot.
	ErrEmpty = language.Textf("no card is in the slot")
)

// Card is what can be put into a slot: a chip, or in tests something worse.
type Card interface {
	// PowerOn and Reset return the answer to reset.
	PowerOn() []byte
	Reset() []byte
	PowerOff()
	// Transmit answers one command APDU. After an error the card is out.
	Transmit(ctx context.Context, command []byte) ([]byte, error)
}

// Slot is one place for a card. It is safe for concurrent use.
type Slot struct {
	address string

	mu     sync.Mutex
	conn   net.Conn
	cancel context.CancelFunc
	done   chan struct{}
	err    error // why the card of done is out
}

// NewSlot returns the slot behind the vpcd at address (host:port).
func NewSlot(address string) *Slot { return &Slot{address: address} }

// Insert puts the card in and returns once vpcd has taken the connection;
// pcscd notices within 400 ms. ctx bounds the connecting only. Errors:
// ErrOccupied, ErrNoReader.
func (s *Slot) Insert(ctx context.Context, card Card) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return fmt.Errorf("%s: %w", s.address, ErrOccupied)
	}
	conn, err := s.dial(ctx)
	if err != nil {
		return language.Textf("%w at %s: start pcscd (Debian: apt-get install pcscd vsmartcard-vpcd): %w", ErrNoReader, s.address, err)
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s.conn, s.cancel, s.done, s.err = conn, cancel, make(chan struct{}), nil
	done := s.done
	go func() {
		err := s.stay(serving, conn, card)
		card.PowerOff()
		s.mu.Lock()
		s.err = err
		s.mu.Unlock()
		close(done)
	}()
	return nil
}

// unnoticed is longer than pcscd's interval between two polls of its readers.
const unnoticed = 600 * time.Millisecond

// errMistaken: the reader sent a command without powering the card, since it takes the card for the
// previous one in the slot.
var errMistaken = errors.New("the reader did not power the card")

// stay serves the card until it is taken out. A card that is mistaken for the previous one (they
// were exchanged between two polls of pcscd, and a program sent a command in between) goes out and
// in again, slowly enough to be noticed.
func (s *Slot) stay(ctx context.Context, conn net.Conn, card Card) error {
	for {
		err := serve(ctx, conn, card)
		if !errors.Is(err, errMistaken) {
			return err
		}
		pause := time.NewTimer(unnoticed)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil
		case <-pause.C:
		}
		if conn, err = s.again(ctx); err != nil || conn == nil {
			return err
		}
	}
}

// again connects the slot again; nil when the card was taken out meanwhile.
func (s *Slot) again(ctx context.Context) (net.Conn, error) {
	conn, err := s.dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil //nolint:nilnil // taken out: nothing to serve and nothing wrong
		}
		return nil, language.Textf("%w at %s: %w", ErrNoReader, s.address, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil || s.conn == nil {
		return nil, conn.Close()
	}
	s.conn = conn
	return conn, nil
}

// A pcscd that has just started answers its clients before its virtual readers
// listen; connectLimit is how long a slot is tried.
const (
	connectLimit = 3 * time.Second
	connectPause = 20 * time.Millisecond
)

func (s *Slot) dial(ctx context.Context) (net.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	pause := time.NewTicker(connectPause)
	defer pause.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(limited, "tcp", s.address)
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-limited.Done():
			return nil, err
		case <-pause.C:
		}
	}
}

// Remove takes the card out, as a person would: it interrupts any command in progress. When it
// returns, the card is no longer used. It returns ErrEmpty, or why the card had stopped answering
// before.
func (s *Slot) Remove() error {
	s.mu.Lock()
	conn, cancel, done := s.conn, s.cancel, s.done
	s.conn = nil
	if conn == nil {
		s.mu.Unlock()
		return fmt.Errorf("%s: %w", s.address, ErrEmpty)
	}
	cancel()
	s.mu.Unlock()
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("vcard: %w", err)
	}
	<-done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Done is closed when the card in the slot no longer answers: taken out, or
// the reader went away. It is nil while the slot is empty.
func (s *Slot) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return nil
	}
	return s.done
}

// serve answers the reader until the connection ends; nil when it was closed.
func serve(ctx context.Context, conn net.Conn, card Card) error {
	defer conn.Close() //nolint:errcheck // nothing is buffered
	atr := card.PowerOn()
	card.PowerOff()
	powered := false
	in := make([]byte, 0, 512)
	out := make([]byte, 0, 512)
	for {
		var err error
		if in, err = readMessage(conn, in[:0]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("vcard: %w", err)
		}
		if len(in) == 1 {
			powered = powered || in[0] == powerOn || in[0] == reset
		} else if !powered {
			return errMistaken
		}
		answer, due, err := respond(ctx, card, in, &atr)
		if err != nil {
			return err
		}
		if !due {
			continue
		}
		if len(answer) > maxMessage {
			return fmt.Errorf("vcard: the card answered %d bytes, at most %d", len(answer), maxMessage)
		}
		out = binary.BigEndian.AppendUint16(out[:0], uint16(len(answer)))
		out = append(out, answer...)
		if _, err := conn.Write(out); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("vcard: %w", err)
		}
	}
}

// respond carries one message to the card; due says whether vpcd waits for an
// answer.
func respond(ctx context.Context, card Card, message []byte, atr *[]byte) (answer []byte, due bool, err error) {
	if len(message) != 1 {
		if answer, err = card.Transmit(ctx, message); err != nil {
			if ctx.Err() != nil {
				return nil, false, nil
			}
			return nil, false, fmt.Errorf("vcard: card: %w", err)
		}
		return answer, true, nil
	}
	switch message[0] {
	case powerOff:
		card.PowerOff()
	case powerOn:
		*atr = card.PowerOn()
	case reset:
		*atr = card.Reset()
	case getATR:
		return *atr, true, nil
	default:
		return nil, false, fmt.Errorf("vcard: the reader sent %02x, want 00, 01, 02, 04 or an APDU", message[0])
	}
	return nil, false, nil
}

// readMessage reads one message into buf.
func readMessage(conn net.Conn, buf []byte) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return buf, err
	}
	quickAck(conn)
	n := int(binary.BigEndian.Uint16(length[:]))
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(conn, buf); err != nil {
		return buf, fmt.Errorf("message of %d bytes is cut short: %w", n, err)
	}
	quickAck(conn)
	return buf, nil
}
