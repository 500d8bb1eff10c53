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

	"citycard/cardos/purse"
	"citycard/cardos/tunion"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/contents"
	"citycard/terminals/exits"
	"citycard/terminals/reader"
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
	flags.BoolVar(&p.json, "json", false, "print JSON")
	flags.BoolVar(&p.person, "show-person", false, "show names and identity numbers unmasked")
	return &ffcli.Command{
		Name: "read", ShortUsage: "cardterm read [flags]", ShortHelp: "show what is on the card in the reader",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *readProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	readers := reader.Observe()
	defer func() { err = errors.Join(err, readers.Close()) }()
	rd, card, err := p.readerFlags.open(ctx, readers)
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
	return show(os.Stdout, c, p.Language)
}

// yuan writes fen as yuan.
func yuan[T uint32 | int32](fen T) string { return exits.Yuan(fen) }

// show prints a card for people.
func show(out io.Writer, c contents.Contents, l language.Language) error {
	table := &service.Table{}
	table.Add("ATR", c.ATR)
	if s := c.SocialSecurity; s != nil {
		table.Add(l.Of("card"), language.Textf("social-security card, version %s", s.Version).In(l))
		table.Add(l.Of("identification"), s.Identification)
		table.Add(l.Of("valid"), days(s.Issued, s.Expiry, l))
		if s.Guarded {
			table.Add(l.Of("holder"), l.Of("can be read only with a SAM"))
		} else {
			table.Add(l.Of("holder"), s.Name+"  "+s.SecurityNumber)
		}
	}
	t := c.Transit
	if t == nil {
		return table.Write(out)
	}
	table.Add(l.Of("card"), l.Of("transit card"))
	table.Add(l.Of("card number"), t.Number)
	table.Add(l.Of("valid"), days(t.Start, t.Expiry, l))
	table.Add(l.Of("city"), t.City)
	table.Add(l.Of("card type"), fmt.Sprint(t.CardType))
	if t.HolderName != "" {
		table.Add(l.Of("holder"), t.HolderName)
	}
	table.Add(l.Of("balance"), language.Textf("%s yuan", yuan(t.BalanceFen)).In(l))
	return errors.Join(table.Write(out), showLog(out, t.Log, l), showJourneys(out, t.Journeys, l))
}

// days are the first and the last day of a card.
func days(first, last string, l language.Language) string {
	return language.Textf("%s to %s", first, last).In(l)
}

func showLog(out io.Writer, log []contents.Entry, l language.Language) error {
	if len(log) == 0 {
		return nil
	}
	table := &service.Table{Language: l}
	table.Add()
	table.Head("transaction", "sequence", ">yuan", "terminal", "time")
	for _, e := range log {
		table.Add(entryType(e.Type, l), fmt.Sprint(e.Sequence), yuan(e.AmountFen), e.Terminal, e.Time)
	}
	return table.Write(out)
}

func showJourneys(out io.Writer, journeys []contents.Journey, l language.Language) error {
	if len(journeys) == 0 {
		return nil
	}
	table := &service.Table{Language: l}
	table.Add()
	table.Head("journey", "line", "station", ">yuan", "time")
	for _, j := range journeys {
		table.Add(journeyType(j.Type, l), fmt.Sprint(j.Line), fmt.Sprint(j.Station), yuan(j.AmountFen), j.Time)
	}
	return table.Write(out)
}

// entryType is a type of transaction in the purse's log, with what it means.
func entryType(code byte, l language.Language) string {
	english, chinese := "", ""
	switch code {
	case purse.TypeEPLoad:
		english, chinese = "load", "圈存"
	case purse.TypeEPPurchase:
		english, chinese = "purchase", "消费"
	case purse.TypeCAPP:
		english, chinese = "composite purchase", "复合应用消费"
	}
	return l.Coded(fmt.Sprintf("%02x", code), english, chinese)
}

// journeyType is a type of record in the file of journeys, with what it means.
func journeyType(code byte, l language.Language) string {
	english, chinese := "", ""
	switch code {
	case tunion.JourneyEntry:
		english, chinese = "entry", "进站"
	case tunion.JourneyExit:
		english, chinese = "exit", "出站"
	case tunion.JourneySingle:
		english, chinese = "single ride", "单次乘车"
	case tunion.JourneyAdjust:
		english, chinese = "fare adjustment", "补票"
	}
	return l.Coded(fmt.Sprintf("%02x", code), english, chinese)
}
