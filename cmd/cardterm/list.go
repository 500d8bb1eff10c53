package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/reader"
)

// listProgram is `cardterm list`.
type listProgram struct {
	service.Common
	json bool
}

func listCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm list", flag.ContinueOnError)
	p := &listProgram{Common: service.Common{Data: "cardterm-data"}}
	p.Register(flags)
	flags.BoolVar(&p.json, "json", false, "print JSON")
	return &ffcli.Command{
		Name: "list", ShortUsage: "cardterm list [flags]", ShortHelp: "show the readers and what is in them",
		LongHelp: "A card that no program has open is asked what it is, and nothing on it changes. One that is open,\n" +
			"as the SAM of a running agent is, stays alone.",
		FlagSet: flags, Exec: p.exec,
	}
}

// readerLimit is how long a command waits for the readers, and for what is in one.
const readerLimit = 5 * time.Second

// listed is a reader in JSON.
type listed struct {
	Reader  string `json:"reader"`
	State   string `json:"state"` // empty, card, mute, used
	ATR     string `json:"atr,omitempty"`
	Kind    string `json:"kind,omitempty"` // transit, social_security, dual, sam, unknown
	Number  string `json:"terminal,omitempty"`
	Version string `json:"version,omitempty"` // of a social-security card
}

func (p *listProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	readers := reader.Observe()
	defer func() { err = errors.Join(err, readers.Close()) }()
	slots, err := readers.Readers(ctx)
	if err != nil {
		return err
	}
	found := make([]listed, len(slots))
	for i, slot := range slots {
		found[i] = look(ctx, readers, slot)
	}
	if p.json {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(found)
	}
	table := &service.Table{Language: p.Language}
	table.Head("reader", "state", "what is in it", "ATR")
	for _, l := range found {
		table.Add(l.Reader, l.state().In(p.Language), cmp.Or(l.what(p.Language), "-"), cmp.Or(l.ATR, "-"))
	}
	return table.Write(os.Stdout)
}

// look says what is in a reader.
func look(ctx context.Context, readers *reader.Observer, slot reader.Slot) listed {
	l := listed{Reader: slot.Name, State: "empty", ATR: fmt.Sprintf("%x", slot.ATR)}
	switch {
	case slot.Mute():
		l.State = "mute"
	case slot.Card() && slot.Used():
		l.State = "used"
	case slot.Card():
		l.State = "card"
		l.identify(ctx, readers)
	}
	return l
}

func (l *listed) identify(ctx context.Context, readers *reader.Observer) {
	ctx, cancel := context.WithTimeout(ctx, readerLimit)
	defer cancel()
	rd, err := readers.Open(ctx, l.Reader)
	if err != nil {
		return
	}
	defer rd.Close() //nolint:errcheck // it was only looked at
	held, err := rd.WaitCard(ctx)
	if errors.Is(err, reader.ErrBusy) {
		l.State = "used"
	}
	if err != nil {
		return
	}
	defer held.Close() //nolint:errcheck // it was only looked at
	l.Kind = "unknown"
	id, err := card.Identify(ctx, held)
	switch {
	case err != nil:
	case id.Terminal != nil:
		l.Kind, l.Number = "sam", fmt.Sprintf("%x", *id.Terminal)
	case id.Purse != nil && id.Version != "":
		l.Kind, l.Version = "dual", id.Version
	case id.Purse != nil:
		l.Kind = "transit"
	case id.Version != "":
		l.Kind, l.Version = "social_security", id.Version
	}
}

func (l *listed) state() *language.Text {
	switch l.State {
	case "mute":
		return language.Textf("a card that does not answer")
	case "used":
		return language.Textf("open in a program")
	case "card":
		return language.Textf("a card")
	}
	return language.Textf("empty")
}

func (l *listed) what(in language.Language) string {
	switch l.Kind {
	case "sam":
		return language.Textf("SAM, terminal %s", l.Number).In(in)
	case "dual":
		return language.Textf("transit and social-security card, version %s", l.Version).In(in)
	case "transit":
		return language.Textf("transit card").In(in)
	case "social_security":
		return language.Textf("social-security card, version %s", l.Version).In(in)
	case "unknown":
		return language.Textf("not a card of a city").In(in)
	}
	return ""
}
