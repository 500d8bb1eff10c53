package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/terminals/contents"
)

// readProgram is `cardterm read`.
type readProgram struct {
	service.Common
	readerFlags
	json   bool
	person bool
}

func readCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm read", flag.ContinueOnError)
	p := &readProgram{Common: service.Common{Data: "cardterm-data"}}
	p.Register(flags)
	p.register(flags, 10*time.Second)
	flags.BoolVar(&p.json, "json", false, "print JSON / 输出 JSON")
	flags.BoolVar(&p.person, "show-person", false, "show names and identity numbers unmasked / 不掩码显示个人信息")
	return &ffcli.Command{
		Name: "read", ShortUsage: "cardterm read [flags]", ShortHelp: "show what is on the card in the reader / 读出卡内信息",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *readProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	rd, card, err := p.readerFlags.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, card.Close(), rd.Close()) }()
	c, err := contents.Read(ctx, card, card.ATR())
	if err != nil {
		return err
	}
	if !p.person {
		c = c.Masked()
	}
	if p.json {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(c)
	}
	return show(os.Stdout, c)
}

// yuan writes fen as yuan.
func yuan(fen uint32) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// page collects lines and keeps the first error of writing.
type page struct {
	w   io.Writer
	err error
}

func (p *page) line(format string, values ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", values...)
	}
}

// show prints a card for people.
func show(w io.Writer, c contents.Contents) error {
	p := &page{w: w}
	p.line("ATR               %s", c.ATR)
	if t := c.Transit; t != nil {
		p.line("transit card      %s  交通卡", t.Number)
		p.line("valid             %s to %s  有效期", t.Start, t.Expiry)
		p.line("city              %s, type %d  城市、卡种", t.City, t.CardType)
		if t.HolderName != "" {
			p.line("holder            %s  持卡人", t.HolderName)
		}
		p.line("balance           %s CNY  余额", yuan(t.BalanceFen))
		for _, e := range t.Log {
			p.line("  log %5d  type %02x  %10s  %s  %s", e.Sequence, e.Type, yuan(e.AmountFen), e.Terminal, e.Time)
		}
		for _, j := range t.Journeys {
			p.line("  journey    type %02x  %10s  line %d station %d  %s", j.Type, yuan(j.AmountFen), j.Line, j.Station, j.Time)
		}
	}
	if s := c.SocialSecurity; s != nil {
		p.line("social-security   version %s  社会保障卡", s.Version)
		p.line("identification    %s  卡识别码", s.Identification)
		p.line("valid             %s to %s  有效期", s.Issued, s.Expiry)
		if s.Guarded {
			p.line("holder            only with a SAM  持卡人信息需 PSAM 认证")
		} else {
			p.line("holder            %s  %s  持卡人", s.Name, s.SecurityNumber)
		}
	}
	return p.err
}
