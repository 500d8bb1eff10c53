package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/apdu"
	"citycard/cardos/transcript"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/contents"
	"citycard/terminals/reader"
)

// traceProgram is `cardterm trace`.
type traceProgram struct {
	service.Common
	readerFlags
	commands bool
	once     bool
}

func traceCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm trace", flag.ContinueOnError)
	p := &traceProgram{Common: service.Common{Data: "cardterm-data"}}
	p.Register(flags)
	p.register(flags, 0)
	flags.BoolVar(&p.commands, "commands", false, "send the commands of standard input, one in hexadecimal a line, instead of reading the card")
	flags.BoolVar(&p.once, "once", false, "end after one card")
	return &ffcli.Command{
		Name: "trace", ShortUsage: "cardterm trace [flags]",
		ShortHelp: "show the dialogue with a card, explained, as it goes on",
		LongHelp: "Every card put into the reader is read, and each command and answer is printed with its fields\n" +
			"and its status word in words. Keys, PINs and the holder's data are never shown: in their place\n" +
			"stands how many bytes were hidden.",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *traceProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	readers := reader.Observe()
	defer func() { err = errors.Join(err, readers.Close()) }()
	for {
		if err := p.trace(ctx, readers); err != nil || p.once || p.commands || ctx.Err() != nil {
			return err
		}
	}
}

// trace waits for a card, shows the dialogue with it, and waits until it is taken out.
func (p *traceProgram) trace(ctx context.Context, readers *reader.Observer) (err error) {
	rd, card, err := p.open(ctx, readers)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer func() { err = errors.Join(err, rd.Close()) }()
	if _, err := fmt.Println(arrival(rd.Name(), card).In(p.Language)); err != nil {
		return errors.Join(err, card.Close())
	}
	var unprinted error
	number := 0
	watched := transcript.Watch(card, func(e transcript.Exchange) {
		number++
		if unprinted == nil {
			unprinted = e.Write(os.Stdout, number, p.Language)
		}
	})
	if p.commands {
		err = send(ctx, watched, os.Stdin)
	} else {
		err = examine(ctx, watched, card.ATR())
	}
	if err != nil && !p.commands {
		// An error of the card is part of the trace: traces are made to find it.
		if _, failed := fmt.Println("!", language.Error(p.Language, err)); unprinted == nil {
			unprinted = failed
		}
		err = nil
	}
	if err := errors.Join(err, unprinted, card.Close()); err != nil || p.once || p.commands {
		return err
	}
	if err := rd.WaitEmpty(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

// stepLimit bounds reading one card.
const stepLimit = 30 * time.Second

// examine identifies the card and reads everything that may be read.
func examine(ctx context.Context, c apdu.Card, atr []byte) error {
	ctx, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	id, err := card.Identify(ctx, c)
	if err != nil {
		return err
	}
	if id.Terminal != nil {
		return nil
	}
	_, err = contents.Read(ctx, c, atr)
	return err
}

// send passes on the commands of a reader, in hexadecimal with or without spaces; text after "#" is
// a comment. No answer of the card is an error.
func send(ctx context.Context, card apdu.Card, in io.Reader) error {
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		command, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return service.Fail("line %d is not hexadecimal", n).Todo("write a command as 00A40000023F00")
		}
		if len(command) == 0 {
			continue
		}
		if _, err := card.Transmit(ctx, command); err != nil {
			return language.Textf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}
