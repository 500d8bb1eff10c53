package card

import (
	"context"
	"errors"

	"citycard/cardos/apdu"
	"citycard/cardos/psam"
	"citycard/cardos/tunion"
	"citycard/language"
)

// Identity says what kind of card a card is; a dual card is of two kinds.
type Identity struct {
	Purse     *tunion.Application // of the union
	Directory []tunion.Entry      // what PPSE lists
	Version   string              // of the social-security application, "" without one
	Terminal  *[6]byte            // of a SAM
}

// Identify asks a card for each application in turn. Nothing on the card changes.
// Errors: ErrUnknownCard, a blocked application, or the card's and the transport's.
func Identify(ctx context.Context, c apdu.Card) (Identity, error) {
	var id Identity
	answer, err := apdu.Exchange(ctx, c, apdu.Select(tunion.PPSE.Bytes()))
	switch {
	case err == nil:
		// The purse is found even if the directory cannot be read.
		id.Directory, _ = tunion.ParseDirectory(answer)
	case !absent(err):
		return id, err
	}
	p, err := OpenPurse(ctx, c)
	switch {
	case err == nil:
		id.Purse = &p.Application
	case !absent(err):
		return id, err
	}
	s, err := OpenSocial(ctx, c)
	switch {
	case err == nil:
		id.Version = s.Version
	case !absent(err):
		return id, err
	}
	if id.Purse != nil || id.Version != "" {
		return id, nil
	}
	if id.Terminal, err = terminal(ctx, c); err != nil && (absent(err) || errors.Is(err, psam.ErrAnswer)) {
		err = language.Textf("%w; its answer: %w", ErrUnknownCard, err)
	}
	return id, err
}

// absent reports a refusal by which a card says that it has no such application.
func absent(err error) bool {
	_, answered := apdu.StatusOf(err)
	return answered && !errors.Is(err, ErrBlocked)
}

// terminal reads the terminal number of a SAM.
func terminal(ctx context.Context, c apdu.Card) (*[6]byte, error) {
	if _, err := apdu.Exchange(ctx, c, psam.SelectTransit()); err != nil {
		return nil, err
	}
	number, err := ask(ctx, c, psam.ReadTerminal(), psam.ParseTerminal)
	if err != nil {
		return nil, err
	}
	return &number, nil
}
