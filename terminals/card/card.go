package card

import (
	"context"
	"errors"
	"fmt"

	"citycard/cardos/apdu"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/language"
)

// The reasons why a card is not served. Nothing on it has changed.
var (
	// ErrUnknownCard: no application that this package knows is on the card.
	ErrUnknownCard = language.Textf("no transit purse, social-security application or SAM on the card")
	// ErrNotTransit: no purse of the transit union is on the card.
	ErrNotTransit = language.Textf("not a transit card")
	// ErrNotSocialSecurity: no social-security application is on the card.
	ErrNotSocialSecurity = language.Textf("not a social-security card")
	// ErrBlocked: the purse is blocked, for good or for now.
	ErrBlocked = language.Textf("the card is blocked")
	// ErrExpired: the card's last day is past, or its first has not come.
	ErrExpired = errors.New("the card is not valid on this day")
	// ErrGuarded: the card gives this only after an authentication or the PIN.
	ErrGuarded = language.Textf("the card wants an authentication or the PIN first")
	// ErrPINLocked: too many wrong PINs; the issuer unlocks it.
	ErrPINLocked = errors.New("the PIN is locked; the card's issuer unlocks it")
)

// PINError is a wrong PIN.
type PINError struct {
	Left int // tries
}

func (e *PINError) Error() string { return fmt.Sprintf("wrong PIN, %d tries left", e.Left) }

// ask sends a command and parses its answer.
func ask[T any](ctx context.Context, c apdu.Card, cmd apdu.Command, parse func([]byte) (T, error)) (T, error) {
	answer, err := apdu.Exchange(ctx, c, cmd)
	if err != nil {
		var none T
		return none, err
	}
	return parse(answer)
}

// read is ask for commands that read; its errors name what was to be read.
func read[T any](ctx context.Context, c apdu.Card, what *language.Text, cmd apdu.Command, parse func([]byte) (T, error)) (T, error) {
	v, err := ask(ctx, c, cmd, parse)
	if err != nil {
		var none T
		return none, language.Textf("read %w: %w", what, err)
	}
	return v, nil
}

// application is a card whose application is selected.
type application struct{ card apdu.Card }

// VerifyPIN presents the holder's PIN. Errors: *PINError, ErrPINLocked, or the card's and the
// transport's. No error quotes the PIN.
func (a application) VerifyPIN(ctx context.Context, pin string) error {
	packed, err := packPIN(pin)
	if err != nil {
		return err
	}
	return a.presentPIN(ctx, "verify the PIN", apdu.Verify(ssc.PINHolder, packed))
}

// ChangePIN changes the holder's PIN. Errors: as VerifyPIN, for the old one.
func (a application) ChangePIN(ctx context.Context, old, fresh string) error {
	if len(old)%2 != 0 || len(fresh)%2 != 0 {
		// CHANGE PIN separates the two with FF, and so is the filling of an odd PIN.
		return errors.New("a PIN that is changed must have an even number of digits")
	}
	packedOld, err := packPIN(old)
	if err != nil {
		return err
	}
	packed, err := packPIN(fresh)
	if err != nil {
		return err
	}
	return a.presentPIN(ctx, "change the PIN", purse.ChangePIN(ssc.PINHolder, packedOld, packed))
}

// presentPIN sends a command that carries a PIN.
func (a application) presentPIN(ctx context.Context, what string, cmd apdu.Command) error {
	_, err := apdu.Exchange(ctx, a.card, cmd)
	if status, answered := apdu.StatusOf(err); answered {
		if left, wrong := status.IsTriesLeft(); wrong {
			return &PINError{Left: left}
		}
		if status == apdu.Locked {
			return ErrPINLocked
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func packPIN(pin string) ([]byte, error) {
	b, err := ssc.PIN(pin)
	if err != nil {
		return nil, errors.New("the PIN must be 4 to 12 digits") // the error would quote it
	}
	return b, nil
}
