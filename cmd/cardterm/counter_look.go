package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/tunion"
	"citycard/clearing/transit/load"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/contents"
	"citycard/terminals/counter"
	"citycard/terminals/reader"
)

// counterLookProgram is `cardterm counter look`.
type counterLookProgram struct{ counterProgram }

func counterLookCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter look", flag.ContinueOnError)
	p := &counterLookProgram{newCounterProgram()}
	p.registerCounter(flags, 10*time.Second)
	return &ffcli.Command{
		Name: "look", ShortUsage: "cardterm counter look [flags]", ShortHelp: "say what is on the card in the reader, and what waits for it here",
		LongHelp: "Nothing on the card changes. Names, identity numbers and the card's number are masked.",
		FlagSet:  flags, Exec: p.exec,
	}
}

func (p *counterLookProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	t, err := p.openTill(ctx, stack, service.NewOps("cardterm", p.Logger()).Registry(), false)
	if err != nil {
		return err
	}
	s, at, err := t.look(ctx, p.wait)
	if err != nil {
		return counterError(err)
	}
	k := t.shown(&s, at)
	if p.json {
		return printJSON(os.Stdout, k)
	}
	return k.show(os.Stdout, p.Language)
}

// look reads the card in the reader.
func (t *till) look(ctx context.Context, wait time.Duration) (s counter.Seen, at time.Time, err error) {
	err = t.stand.with(ctx, wait, func(ctx context.Context, held *reader.Card) (err error) {
		at = t.now()
		s, err = t.desk.Book.Look(ctx, held, held.ATR())
		return err
	})
	return s, at, err
}

// seenCard is what a counter says of a card.
type seenCard struct {
	contents.Contents
	Findings []string    `json:"findings"` // in English
	Orders   []openOrder `json:"orders"`   // that are not finished here

	texts []*language.Text
}

// openOrder is an order that is not finished.
type openOrder struct {
	Placer string `json:"placer,omitempty"` // of an order that somebody else has paid
	Order  string `json:"order"`
	Fen    uint32 `json:"amount_fen"`
	State  string `json:"state"` // asked, told, late
	Card   string `json:"card"`  // masked
	Time   string `json:"time"`  // of the last attempt, YYYYMMDDhhmmss
}

// shown is what was seen, without what only the holder may see.
func (t *till) shown(s *counter.Seen, at time.Time) *seenCard {
	k := &seenCard{Contents: s.Contents.Masked(), Findings: []string{}, Orders: []openOrder{}, texts: s.Findings(at, t.till.city)}
	for _, text := range k.texts {
		k.Findings = append(k.Findings, text.Error())
	}
	for _, o := range s.Open {
		k.Orders = append(k.Orders, orderOf(&o))
	}
	return k
}

func orderOf(o *counter.Open) openOrder {
	l := o.Load
	return openOrder{Placer: load.Placer(o.Placer).Masked(), Order: l.GetOrder(), Fen: l.GetAmountFen(), State: o.State.String(), Card: maskedCard(l.GetCard()), Time: fmt.Sprintf("%x", l.GetTime())}
}

func (k *seenCard) show(out io.Writer, l language.Language) error {
	for _, text := range k.texts {
		if _, err := io.WriteString(out, text.In(l)+"\n"); err != nil {
			return err
		}
	}
	c := k.Contents
	if c.Transit != nil {
		masked := *c.Transit
		masked.Number = tunion.Masked(masked.Number)
		c.Transit = &masked
	}
	return show(out, c, l)
}

// orderState is the state of an open order in words.
func orderState(name string, l language.Language) string {
	switch name {
	case counter.Told.String():
		return l.Of("only its card knows: resolve it with the card")
	case counter.Late.String():
		return l.Of("its card can prove it no more: the clearing centre finds out")
	}
	return l.Of("asked for, not written: resolve it with the card")
}
