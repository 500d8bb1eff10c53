package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/reader"
)

// pinProgram is `cardterm counter pin`.
type pinProgram struct{ counterProgram }

func counterPINCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter pin", flag.ContinueOnError)
	p := &pinProgram{newCounterProgram()}
	p.registerCounter(flags, 10*time.Second)
	return &ffcli.Command{
		Name: "pin", ShortUsage: "cardterm counter pin [flags]", ShortHelp: "change the PIN of the card in the reader",
		LongHelp: "Asks on the terminal for the old PIN and twice for the new one, and shows none of them; where standard input is no\n" +
			"terminal, it reads the old one and the new one as two lines. The PIN is nowhere kept.",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *pinProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	old, fresh, err := p.ask()
	if err != nil {
		return err
	}
	stand := newStand(p.name)
	defer func() { err = errors.Join(err, stand.close()) }()
	err = stand.with(ctx, p.wait, func(ctx context.Context, held *reader.Card) error { return changePIN(ctx, held, old, fresh) })
	if err != nil {
		return pinError(err)
	}
	p.Print("the card has its new PIN")
	return p.Printed()
}

// changePIN changes the PIN of a transit card or of a social-security card.
func changePIN(ctx context.Context, held *reader.Card, old, fresh string) error {
	purse, err := card.OpenPurse(ctx, held)
	if err == nil {
		return purse.ChangePIN(ctx, old, fresh)
	}
	if !errors.Is(err, card.ErrNotTransit) {
		return err
	}
	social, err := card.OpenSocial(ctx, held)
	if err != nil {
		return err
	}
	return social.ChangePIN(ctx, old, fresh)
}

// pinError says for staff why a PIN was not changed.
func pinError(err error) error {
	wrong, tries := errors.AsType[*card.PINError](err)
	switch {
	case tries:
		return service.Refuse("the PIN is as it was").Todo("ask for the old PIN again").Because(language.Textf("the old PIN is wrong; tries left: %d", wrong.Left))
	case errors.Is(err, card.ErrPINLocked):
		return service.Refuse("the PIN is as it was").Todo("a clerk unblocks it with the holder's identity document").Because(language.Textf("the PIN is locked after too many wrong ones"))
	case errors.Is(err, card.ErrNotSocialSecurity):
		return service.Refuse("the PIN is as it was").Because(card.ErrUnknownCard)
	}
	return err
}

// ask asks for the two PINs.
func (p *pinProgram) ask() (old, fresh string, err error) {
	pins, err := p.askPINs(language.Textf("the old PIN: "), language.Textf("the new PIN: "))
	if err != nil {
		return "", "", err
	}
	return pins[0], pins[1], nil
}

// askPIN asks for a new PIN.
func (p *counterProgram) askPIN() (string, error) {
	pins, err := p.askPINs(language.Textf("the new PIN: "))
	if err != nil {
		return "", err
	}
	return pins[0], nil
}

// askPINs asks for PINs on the terminal, for the last one twice; else they are the lines of
// standard input.
func (p *counterProgram) askPINs(questions ...*language.Text) (pins []string, err error) {
	if !p.typed.onTerminal() {
		for range questions {
			pin, err := p.typed.line()
			if err != nil {
				return nil, service.Exit(service.ExitUsage, service.Fail("no PIN").Todo("give each as a line, the old one first, or run the command on a terminal").Because(err))
			}
			pins = append(pins, pin)
		}
		return pins, nil
	}
	for _, q := range append(questions, language.Textf("the new PIN once more: ")) {
		pin, err := p.typed.ask(q, p.Language)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	if n := len(pins); pins[n-1] != pins[n-2] {
		return nil, service.Refuse("the PIN is as it was").Todo("try again").Because(language.Textf("the two new ones differ"))
	}
	return pins[:len(pins)-1], nil
}
