package reader

import (
	"errors"
	"strings"

	"github.com/ebfe/scard"

	"citycard/language"
)

// The errors that callers branch on; each is a text for users too.
var (
	// ErrNoService: no smart card daemon answers.
	ErrNoService = language.Textf("no smart card service: start pcscd (as root: pcscd --foreground; Debian: apt-get install pcscd)")
	// ErrStalled: a call of the service or of a reader's driver does not return.
	ErrStalled = language.Textf("the reader's driver does not answer: take the card out; if that does not help, restart pcscd")
	// ErrNoReader: the daemon knows no reader, or not the one asked for.
	ErrNoReader = language.Textf("no card reader: plug one in, or install a virtual one (Debian: apt-get install vsmartcard-vpcd, then restart pcscd)")
	// ErrAmbiguous: the name that was asked for is a part of several readers' names.
	ErrAmbiguous = language.Textf("the name of the reader is a part of several names: give the whole name of one")
	// ErrHeld: this program has the reader open already.
	ErrHeld = language.Textf("another lane or SAM has this reader: give each its own, by its whole name")
	// ErrNoCard: no card came in the time given.
	ErrNoCard = language.Textf("no card in the reader: put one in")
	// ErrCardGone: the card was taken out or stopped answering; whether it
	// carried out the last command is unknown.
	ErrCardGone = language.Textf("the card is gone")
	// ErrBusy: another program uses the card.
	ErrBusy = language.Textf("the card is in use by another program: close that one")
	// ErrCardReset: another program reset the card; what was selected and
	// begun on it is lost.
	ErrCardReset = language.Textf("the card was reset by another program")
	// ErrUnresponsive: the card does not answer the reader at all.
	ErrUnresponsive = language.Textf("the card does not answer: is it the right way round, and whole?")
)

// unknownReader says that none of the readers has the name that was asked for.
type unknownReader struct {
	name  string
	there []string
}

func (u *unknownReader) Error() string { return u.In(language.Language{}) }

// In says it in a language.
func (u *unknownReader) In(l language.Language) string {
	return language.Textf("no reader is called %q; there are: %s", u.name, strings.Join(u.there, l.Choose(", ", "、"))).In(l)
}

func (u *unknownReader) Unwrap() error { return ErrNoReader }

// ambiguous says that several readers have the name that was asked for.
type ambiguous struct {
	name  string
	found []string
}

func (a *ambiguous) Error() string { return a.In(language.Language{}) }

// In says it in a language.
func (a *ambiguous) In(l language.Language) string {
	return language.Textf("%w; %q is a part of: %s", ErrAmbiguous, a.name, strings.Join(a.found, l.Choose(", ", "、"))).In(l)
}

func (a *ambiguous) Unwrap() error { return ErrAmbiguous }

// noCard says that no card came while somebody waited.
type noCard struct {
	*language.Text
	why error // ctx's
}

func (n *noCard) Unwrap() []error { return []error{ErrNoCard, n.why} }

// sorted wraps a PC/SC error of an act in one of the errors that callers branch on.
func sorted(act *language.Text, err error) error {
	if err == nil {
		return nil
	}
	var code scard.Error
	if !errors.As(err, &code) {
		return language.Textf("tried to %w: %w", act, err)
	}
	switch code {
	// When the service has gone, its handles are no longer valid.
	case scard.ErrNoService, scard.ErrServiceStopped, scard.ErrCommError, scard.ErrInvalidHandle:
		return tried(ErrNoService, act, err)
	case scard.ErrNoReadersAvailable, scard.ErrUnknownReader, scard.ErrReaderUnavailable:
		return tried(ErrNoReader, act, err)
	case scard.ErrNoSmartcard:
		return tried(ErrNoCard, act, err)
	case scard.ErrRemovedCard, scard.ErrNotTransacted:
		return tried(ErrCardGone, act, err)
	case scard.ErrSharingViolation:
		return tried(ErrBusy, act, err)
	case scard.ErrResetCard:
		return tried(ErrCardReset, act, err)
	case scard.ErrUnresponsiveCard, scard.ErrUnpoweredCard:
		return tried(ErrUnresponsive, act, err)
	}
	return language.Textf("tried to %w: %w", act, err)
}

// tried says of a problem what was tried.
func tried(problem error, act *language.Text, err error) error {
	return language.Textf("%w (tried to %w: %w)", problem, act, err)
}

// sortedAdmitted does so for a program that the service has admitted. The service checks a
// program's rights when the program connects; later it gives this answer when it is shutting down.
func sortedAdmitted(act *language.Text, err error) error {
	if errors.Is(err, scard.ErrSecurityViolation) {
		return tried(ErrNoService, act, err)
	}
	return sorted(act, err)
}
