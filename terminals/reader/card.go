package reader

import (
	"context"
	"errors"
	"sync"

	"github.com/ebfe/scard"

	"citycard/language"
)

// maxCommand is an extended APDU at its longest, in bytes.
const maxCommand = 4 + 3 + 65535 + 2

// Protocol is the transmission protocol between card and reader.
type Protocol string

// The two protocols of ISO/IEC 7816-3.
const (
	T0 Protocol = "T=0"
	T1 Protocol = "T=1"
)

// Card is an open card; it satisfies apdu.Card.
type Card struct {
	atr      []byte
	protocol Protocol
	calls    *calls

	mu     sync.Mutex
	handle *scard.Card // nil once closed or given up
}

func newCard(handle *scard.Card, atr []byte, calls *calls) *Card {
	protocol := T1
	if handle.ActiveProtocol() == scard.ProtocolT0 {
		protocol = T0
	}
	return &Card{handle: handle, atr: append([]byte(nil), atr...), protocol: protocol, calls: calls}
}

// ATR is the card's answer to reset.
func (c *Card) ATR() []byte { return append([]byte(nil), c.atr...) }

// Protocol is what card and reader agreed on.
func (c *Card) Protocol() Protocol { return c.protocol }

// Transmit sends one raw command and returns the raw answer with its status
// word. Errors: ErrCardGone, ErrCardReset, ErrNoService, or ctx's error with
// ErrCardGone when the card did not answer in time; the card is then unusable.
func (c *Card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if len(command) < 4 || len(command) > maxCommand {
		return nil, language.Textf("command of %d bytes, want 4 to %d", len(command), maxCommand)
	}
	if err := ctx.Err(); err != nil {
		return nil, err // nothing was sent
	}
	c.mu.Lock()
	handle := c.handle
	c.mu.Unlock()
	if handle == nil {
		return nil, language.Textf("%w: it was closed", ErrCardGone)
	}
	var answer []byte
	var err error
	if c.calls.run(ctx, func() { answer, err = transmit(handle, command) }) {
		return answer, err
	}
	c.mu.Lock()
	c.handle = nil // the driver still waits for the card and owns the handle
	c.mu.Unlock()
	return nil, language.Textf("%w: no answer in time: %w", ErrCardGone, ctx.Err())
}

func transmit(handle *scard.Card, command []byte) (answer []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			answer, err = nil, language.Textf("%w: the PC/SC library gave up: %v", ErrCardGone, p)
		}
	}()
	if answer, err = handle.Transmit(command); err == nil {
		return answer, nil
	}
	if err = sorted(language.Textf("talk to the card"), err); errors.Is(err, ErrNoService) {
		// The command may have got to the card before the service went.
		err = language.Textf("%w, because there is %w", ErrCardGone, err)
	}
	return nil, err
}

// Close disconnects from the card and resets it, so that nothing stays selected.
// A card that was taken out is not an error.
func (c *Card) Close() error {
	c.mu.Lock()
	handle := c.handle
	c.handle = nil
	c.mu.Unlock()
	if handle == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectLimit)
	defer cancel()
	var err error
	if !c.calls.run(ctx, func() { err = handle.Disconnect(scard.ResetCard) }) {
		return ErrStalled
	}
	err = sorted(language.Textf("let the card go"), err)
	if errors.Is(err, ErrCardGone) || errors.Is(err, ErrNoCard) || errors.Is(err, ErrCardReset) || errors.Is(err, ErrNoReader) {
		return nil
	}
	return err
}
