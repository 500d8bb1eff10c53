package reader

import (
	"errors"
	"fmt"

	"github.com/ebfe/scard"
)

// What a caller branches on.
var (
	// ErrNoService: no smart card daemon answers.
	ErrNoService = errors.New("no smart card service: start pcscd (as root: pcscd --foreground; Debian: apt-get install pcscd)")
	// ErrNoReader: the daemon knows no reader, or not the one asked for.
	ErrNoReader = errors.New("no card reader: plug one in, or install a virtual one (Debian: apt-get install vsmartcard-vpcd, then restart pcscd)")
	// ErrNoCard: no card came in the time given.
	ErrNoCard = errors.New("no card in the reader: put one in")
	// ErrCardGone: the card was taken out or stopped answering; whether it
	// carried out the last command is unknown.
	ErrCardGone = errors.New("the card is gone")
	// ErrBusy: another program uses the card.
	ErrBusy = errors.New("the card is in use by another program: close that one")
	// ErrCardReset: another program reset the card; what was selected and
	// begun on it is lost.
	ErrCardReset = errors.New("the card was reset by another program")
	// ErrUnresponsive: the card does not answer the reader at all.
	ErrUnresponsive = errors.New("the card does not answer: is it the right way round, and whole?")
)

// sorted wraps a PC/SC error in what the caller branches on.
func sorted(act string, err error) error {
	if err == nil {
		return nil
	}
	var code scard.Error
	if !errors.As(err, &code) {
		return fmt.Errorf("%s: %w", act, err)
	}
	switch code {
	case scard.ErrNoService, scard.ErrServiceStopped:
		return fmt.Errorf("%w (%s: %w)", ErrNoService, act, err)
	case scard.ErrNoReadersAvailable, scard.ErrUnknownReader, scard.ErrReaderUnavailable:
		return fmt.Errorf("%w (%s: %w)", ErrNoReader, act, err)
	case scard.ErrNoSmartcard:
		return fmt.Errorf("%w (%s: %w)", ErrNoCard, act, err)
	case scard.ErrRemovedCard, scard.ErrNotTransacted, scard.ErrCommError:
		return fmt.Errorf("%w (%s: %w)", ErrCardGone, act, err)
	case scard.ErrSharingViolation:
		return fmt.Errorf("%w (%s: %w)", ErrBusy, act, err)
	case scard.ErrResetCard:
		return fmt.Errorf("%w (%s: %w)", ErrCardReset, act, err)
	case scard.ErrUnresponsiveCard, scard.ErrUnpoweredCard:
		return fmt.Errorf("%w (%s: %w)", ErrUnresponsive, act, err)
	}
	return fmt.Errorf("%s: %w", act, err)
}
