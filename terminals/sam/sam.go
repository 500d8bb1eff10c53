// Package sam talks to a terminal's secure access module (PSAM): for the transit purse it numbers a
// sale, makes the MAC1 that allows the card to pay, and checks the MAC2 that proves that the card
// paid; for the social-security card it answers the card's challenge.
//
// A module holds one sale at a time: Start begins it, Confirm ends it. Resolve is for a proof that
// comes later, from a card whose answer was lost. Every Start uses one terminal sequence number,
// even if the sale is not completed; gaps in these numbers are normal and do not mean lost money.
//
// Each command of a Module is safe for concurrent use, but a sale is two commands, so a terminal
// serves one card at a time.
package sam

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/psam"
	"citycard/cardos/purse"
	"citycard/cardos/ssc"
	"citycard/language"
)

// ErrForged: the card's MAC2 is wrong. It is not one of our cards, or its answer was altered on the
// way; the gate stays shut.
var ErrForged = errors.New("the card's proof of payment does not verify")

// Error means that the module failed, not the card: take the terminal out of service and call
// maintenance.
type Error struct {
	Act *language.Text
	Err error
}

func (e *Error) Error() string { return e.In(language.Language{}) }

// In says it in a language.
func (e *Error) In(l language.Language) string {
	return language.Textf("SAM: %w: %w", e.Act, e.Err).In(l)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Module is a PSAM with its transit application selected.
type Module struct {
	card     apdu.Card
	terminal [6]byte

	mu      sync.Mutex
	holding bool   // a sale that Start began and no answer of the module has ended
	held    uint32 // its number
}

// Open selects the transit application and reads the terminal number. Every
// error is an *Error.
func Open(ctx context.Context, card apdu.Card) (*Module, error) {
	if _, err := apdu.Exchange(ctx, card, psam.SelectTransit()); err != nil {
		return nil, &Error{language.Textf("select the transit application"), err}
	}
	answer, err := apdu.Exchange(ctx, card, psam.ReadTerminal())
	if err != nil {
		return nil, &Error{language.Textf("read the terminal number"), err}
	}
	terminal, err := psam.ParseTerminal(answer)
	if err != nil {
		return nil, &Error{language.Textf("read the terminal number"), err}
	}
	return &Module{card: card, terminal: terminal}, nil
}

// Terminal is the module's terminal number, the payee's identity under the TAC.
func (m *Module) Terminal() [6]byte { return m.terminal }

// Start numbers a sale and returns MAC1. Every error is an *Error.
func (m *Module) Start(ctx context.Context, p psam.Purchase) (psam.Start, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holding = false
	answer, err := apdu.Exchange(ctx, m.card, psam.Initialize(p))
	if err != nil {
		return psam.Start{}, &Error{language.Textf("start a sale"), err}
	}
	start, err := psam.ParseStart(answer)
	if err != nil {
		return psam.Start{}, &Error{language.Textf("start a sale"), err}
	}
	m.holding, m.held = true, start.TerminalSequence
	return start, nil
}

// Confirm hands the card's MAC2 in. Errors: ErrForged, *Error.
func (m *Module) Confirm(ctx context.Context, mac2 keys.MAC) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.confirm(ctx, mac2)
}

// confirm ends the held sale, except on ErrForged: it depends on the module whether it then still
// accepts another code.
func (m *Module) confirm(ctx context.Context, mac2 keys.MAC) error {
	_, err := apdu.Exchange(ctx, m.card, psam.Credit(mac2))
	if apdu.IsMACRefused(err) {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	m.holding = false
	if err != nil {
		return &Error{language.Textf("check the card's proof of payment"), err}
	}
	return nil
}

// Resolve tells which of the two codes of a card's GET TRANSACTION PROVE is MAC2 and which the TAC:
// cards give them in either order, and only the module knows MAC2. terminal and sequence are the
// sale's numbers. If the module cannot tell, because it has ended the sale or begun another one, or
// because the sale was another module's, sure is false and the codes are returned as they came. If
// a module ends the sale at the first wrong code, that one code decides. Errors: ErrForged, where
// neither code is MAC2.
func (m *Module) Resolve(ctx context.Context, terminal [6]byte, sequence uint32, proof purse.Receipt) (ordered purse.Receipt, sure bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.holding || m.held != sequence || m.terminal != terminal {
		return proof, false, nil
	}
	if err := m.confirm(ctx, proof.MAC2); !errors.Is(err, ErrForged) {
		return proof, err == nil, nil
	}
	if err := m.confirm(ctx, proof.TAC); errors.Is(err, ErrForged) {
		return proof, false, err
	}
	return proof.Swapped(), true, nil
}

// Access is a PSAM with its social-security application selected.
type Access struct {
	card apdu.Card
}

// OpenAccess selects the social-security application. Every error is an *Error.
func OpenAccess(ctx context.Context, card apdu.Card) (*Access, error) {
	if _, err := apdu.Exchange(ctx, card, apdu.Select([]byte(psam.AIDSocialSecurity))); err != nil {
		return nil, &Error{language.Textf("select the social-security application"), err}
	}
	return &Access{card: card}, nil
}

// answer answers a social-security card's challenge under its key for reading, made
// from the card's and the city's factor and a random number. Every error is an
// *Error.
func (a *Access) answer(ctx context.Context, card, city keys.Factor, random, challenge [8]byte) ([8]byte, error) {
	if _, err := apdu.Exchange(ctx, a.card, psam.PrepareAccess(card, city, random)); err != nil {
		return [8]byte{}, &Error{language.Textf("derive the access key"), err}
	}
	answer, err := apdu.Exchange(ctx, a.card, psam.Encrypt(challenge))
	if err == nil && len(answer) != 8 {
		err = fmt.Errorf("cryptogram of %d bytes, want 8: %w", len(answer), apdu.ErrMalformed)
	}
	if err != nil {
		return [8]byte{}, &Error{language.Textf("answer the card's challenge"), err}
	}
	return [8]byte(answer), nil
}

// Present proves to a social-security card that it may give the holder's data:
// challenge, cryptogram, external authentication. A refusal of the card is a
// *apdu.StatusError.
func (a *Access) Present(ctx context.Context, card apdu.Card, cardFactor, city keys.Factor, random [8]byte) error {
	answer, err := apdu.Exchange(ctx, card, apdu.GetChallenge(8))
	if err != nil {
		return fmt.Errorf("ask the card for a challenge: %w", err)
	}
	if len(answer) != 8 {
		return fmt.Errorf("challenge of %d bytes, want 8: %w", len(answer), apdu.ErrMalformed)
	}
	cryptogram, err := a.answer(ctx, cardFactor, city, random, [8]byte(answer))
	if err != nil {
		return err
	}
	if _, err := apdu.Exchange(ctx, card, ssc.ExternalAuthenticate(ssc.KeyRead, cryptogram, random)); err != nil {
		return fmt.Errorf("authenticate to the card: %w", err)
	}
	return nil
}
