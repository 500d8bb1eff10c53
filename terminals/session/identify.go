package session

import (
	"context"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/psam"
	"citycard/cardos/ssc"
	"citycard/cardos/tunion"
)

// ErrUnknownCard: no application that this package knows is on the card.
var ErrUnknownCard = errors.New("no transit purse, social-security application or SAM on the card")

// Identity is what a card turned out to be; a dual card is two things.
type Identity struct {
	Purse     *tunion.Application // of the union
	Directory []tunion.Entry      // what PPSE lists
	Version   string              // of the social-security application, "" without one
	Terminal  *[6]byte            // of a SAM
}

// Identify asks a card for each application in turn. Nothing on the card changes.
// Errors: ErrUnknownCard, or the card's and the transport's.
func Identify(ctx context.Context, card apdu.Card) (Identity, error) {
	var id Identity
	answer, present, err := try(ctx, card, apdu.Select(tunion.PPSE.Bytes()))
	if err != nil {
		return id, err
	}
	if present {
		// A directory that cannot be read does not keep a purse from being found.
		id.Directory, _ = tunion.ParseDirectory(answer)
	}
	p, err := OpenPurse(ctx, card)
	switch {
	case err == nil:
		id.Purse = &p.Application
	case !errors.Is(err, ErrNoPurse):
		return id, err
	}
	s, err := OpenSocial(ctx, card)
	switch {
	case err == nil:
		id.Version = s.Version
	case !errors.Is(err, ErrNoSocial):
		return id, err
	}
	if id.Purse != nil || id.Version != "" {
		return id, nil
	}
	return id, id.module(ctx, card)
}

// module looks for a SAM.
func (id *Identity) module(ctx context.Context, card apdu.Card) error {
	_, present, err := try(ctx, card, psam.SelectTransit())
	if err != nil {
		return err
	}
	if !present {
		return ErrUnknownCard
	}
	answer, present, err := try(ctx, card, psam.ReadTerminal())
	if err != nil {
		return err
	}
	if !present {
		return ErrUnknownCard
	}
	terminal, err := psam.ParseTerminal(answer)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknownCard, err)
	}
	id.Terminal = &terminal
	return nil
}

// try sends a command that the card may well refuse; present is false when it does.
func try(ctx context.Context, card apdu.Card, cmd apdu.Command) (answer []byte, present bool, err error) {
	answer, err = apdu.Exchange(ctx, card, cmd)
	if _, answered := apdu.StatusOf(err); answered {
		return nil, false, nil
	}
	return answer, err == nil, err
}

// read sends a command and parses its answer.
func read[T any](ctx context.Context, card apdu.Card, what string, cmd apdu.Command, parse func([]byte) (T, error)) (T, error) {
	answer, err := apdu.Exchange(ctx, card, cmd)
	if err == nil {
		var v T
		if v, err = parse(answer); err == nil {
			return v, nil
		}
	}
	var none T
	return none, fmt.Errorf("read %s: %w", what, err)
}

// PINError is a wrong PIN.
type PINError struct{ Left int }

func (e *PINError) Error() string { return fmt.Sprintf("wrong PIN, %d tries left", e.Left) }

// ErrPINLocked: the PIN is locked; its issuer unlocks it.
var ErrPINLocked = errors.New("the PIN is locked")

// present sends a command that carries a PIN. No error quotes it.
func present(ctx context.Context, card apdu.Card, what string, cmd apdu.Command) error {
	_, err := apdu.Exchange(ctx, card, cmd)
	if status, answered := apdu.StatusOf(err); answered {
		if left, wrong := status.IsTriesLeft(); wrong {
			return &PINError{Left: left}
		}
		if apdu.Locked.Is(err) {
			return ErrPINLocked
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// digits packs a PIN.
func digits(pin string) ([]byte, error) {
	b, err := ssc.PIN(pin)
	if err != nil {
		return nil, errors.New("a PIN must be 4 to 12 digits")
	}
	return b, nil
}
