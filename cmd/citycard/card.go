package main

import (
	"context"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/tunion"
	"citycard/clearing/people/api"
	"citycard/language"
)

func cardCommand() *ffcli.Command {
	return group("card", "cards as counters know them", "Who does something with a card sits at a counter: cardterm counter.", cardShowCommand(), cardIssuedCommand(), cardBankCommand())
}

// cardStepLine is a step of a card as it is printed.
type cardStepLine struct{ api.CardStep }

const cardStepHeader = ">STEP\tAT\tDONE\tSTATE\t>CASH\tUNIT\tPERSON\tORDER"

func (s cardStepLine) cells(language.Language) []string {
	return []string{number(s.Number), s.At.UTC().Format(time.RFC3339), s.Do, string(s.State), s.Cash.String(), string(s.Unit), s.Person, s.Order}
}

func cardShowCommand() *ffcli.Command {
	c := newWithArguments("card show", "NUMBER", "how a card stands: product, states, purse, deposit, what waits for it, and all that was done with it", 1)
	c.registerJSON("print for machines")
	return c.asks(false, nil, func(ctx context.Context, client *api.Client) error {
		card, err := client.FindCard(ctx, c.arguments[0])
		switch {
		case err != nil:
			return refusedBy(language.Textf("no card is shown"), err)
		case c.asJSON:
			return writeJSON(os.Stdout, card)
		}
		c.Print("card %s: %s; product %s, holder %s, good until %s, on the hotlist %t", tunion.Masked(card.Number), string(card.State), card.Product, card.Holder, card.Expires.String(), card.Listed)
		if card.Serial != 0 {
			c.Print("it was made of blank %d", card.Serial)
		}
		c.printFunctions(&card)
		c.Print("the purse should hold %s yuan; a deposit of %s is held", card.Shadow.String(), card.Deposit.String())
		if card.Emptying > 0 {
			c.Print("of that a tap at a counter took %s yuan, by the counter's word: the tap has not come", card.Emptying.String())
		}
		for _, w := range card.Waiting {
			c.Print("%s yuan wait for it, by order %s", w.Fen.String(), w.Order)
		}
		lines := make([]cardStepLine, len(card.Steps))
		for i, step := range card.Steps {
			lines[i] = cardStepLine{step}
		}
		return listAll(c, cardStepHeader, cardStepLine.cells, lines)
	})
}
