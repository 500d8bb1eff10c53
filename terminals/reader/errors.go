package reader

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ebfe/scard"
)

// The errors that callers branch on.
var (
	// ErrNoService: no smart card daemon answers.
	ErrNoService = errors.New("no smart card service / 没有读卡服务: start pcscd (as root: pcscd --foreground; Debian: apt-get install pcscd)")
	// ErrNoReader: the daemon knows no reader, or not the one asked for.
	ErrNoReader = errors.New("no card reader / 没有读卡器: plug one in, or install a virtual one (Debian: apt-get install vsmartcard-vpcd, then restart pcscd)")
	// ErrNoCard: no card came in the time given.
	ErrNoCard = errors.New("no card in the reader / 读卡器中没有卡片: put one in / 请放入卡片")
	// ErrCardGone: the card was taken out or stopped answering; whether it
	// carried out the last command is unknown.
	ErrCardGone = errors.New("the card is gone / 卡片已离开")
	// ErrBusy: another program uses the card.
	ErrBusy = errors.New("the card is in use by another program / 卡片正被其他程序使用: close that one")
	// ErrCardReset: another program reset the card; what was selected and
	// begun on it is lost.
	ErrCardReset = errors.New("the card was reset by another program / 卡片被其他程序复位")
	// ErrUnresponsive: the card does not answer the reader at all.
	ErrUnresponsive = errors.New("the card does not answer / 卡片无应答: is it the right way round, and whole?")
)

// unknownReader says that none of the readers has the name that was asked for.
type unknownReader struct {
	name  string
	there []string
}

func (u *unknownReader) Error() string {
	return fmt.Sprintf("no reader is called %q / 没有这个名称的读卡器; there are: %s", u.name, strings.Join(u.there, ", "))
}

func (u *unknownReader) Unwrap() error { return ErrNoReader }

// noCard says that no card came while somebody waited.
type noCard struct {
	reader string
	why    error // ctx's
}

func (n *noCard) Error() string { return fmt.Sprintf("%v (%s)", ErrNoCard, n.reader) }

func (n *noCard) Unwrap() []error { return []error{ErrNoCard, n.why} }

// sorted wraps a PC/SC error in one of the errors that callers branch on.
func sorted(act string, err error) error {
	if err == nil {
		return nil
	}
	var code scard.Error
	if !errors.As(err, &code) {
		return fmt.Errorf("%s: %w", act, err)
	}
	switch code {
	// When the service has gone, its handles are no longer valid.
	case scard.ErrNoService, scard.ErrServiceStopped, scard.ErrCommError, scard.ErrInvalidHandle:
		return fmt.Errorf("%w (%s: %w)", ErrNoService, act, err)
	case scard.ErrNoReadersAvailable, scard.ErrUnknownReader, scard.ErrReaderUnavailable:
		return fmt.Errorf("%w (%s: %w)", ErrNoReader, act, err)
	case scard.ErrNoSmartcard:
		return fmt.Errorf("%w (%s: %w)", ErrNoCard, act, err)
	case scard.ErrRemovedCard, scard.ErrNotTransacted:
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

// sortedAdmitted does so for a program that the service has admitted. The service checks a
// program's rights when the program connects; later it gives this answer when it is shutting down.
func sortedAdmitted(act string, err error) error {
	if errors.Is(err, scard.ErrSecurityViolation) {
		return fmt.Errorf("%w (%s: %w)", ErrNoService, act, err)
	}
	return sorted(act, err)
}
