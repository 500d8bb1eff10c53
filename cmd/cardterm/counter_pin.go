package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"golang.org/x/term"

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
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		lines := bufio.NewScanner(os.Stdin)
		for _, to := range []*string{&old, &fresh} {
			if !lines.Scan() {
				return "", "", service.Exit(service.ExitUsage, service.Fail("no PIN").Todo("give the old one and the new one as two lines, or run the command on a terminal"))
			}
			*to = strings.TrimSpace(lines.Text())
		}
		return old, fresh, nil
	}
	again := ""
	for _, q := range []struct {
		text *language.Text
		to   *string
	}{
		{language.Textf("the old PIN: "), &old}, {language.Textf("the new PIN: "), &fresh}, {language.Textf("the new PIN once more: "), &again},
	} {
		if _, err := os.Stderr.WriteString(q.text.In(p.Language)); err != nil {
			return "", "", err
		}
		secret, err := term.ReadPassword(in)
		if err != nil {
			return "", "", err
		}
		_, _ = os.Stderr.WriteString("\n") // the answer was read
		*q.to = string(secret)
	}
	if fresh != again {
		return "", "", service.Refuse("the PIN is as it was").Todo("try again").Because(language.Textf("the two new ones differ"))
	}
	return old, fresh, nil
}
