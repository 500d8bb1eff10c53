package main

import (
	"context"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/cards"
	"citycard/clearing/csvfile"
	"citycard/clearing/people/api"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

// mostBankFile bounds a file of the bank, in bytes.
const mostBankFile = 1_000_000

func cardBankCommand() *ffcli.Command {
	c := newCommand("card bank", "--identity FILE --reason TEXT FILE", "take the bank's file about the bank functions of social-security cards",
		"CSV with number, state (not_activated, active, suspended, closed, or the Chinese words of banks), day (YYYYMMDD) and\n"+
			"sequence; the last line is sha256, the number of rows, and the SHA-256 of all before it. Of a card there stands what\n"+
			"has the last day, and of that day the highest sequence. A row that does not fit is kept with the reason, and keeps no\n"+
			"other one back. The same file again does nothing.")
	c.registerJSON("print for machines")
	var by actor
	by.register(c)
	c.takesWords(1)
	c.check = by.missing
	return c.asks(true, by.identity, func(ctx context.Context, client *api.Client) error {
		content, err := server.ReadFile(c.arguments[0], mostBankFile)
		if err != nil {
			return service.Refuse("nothing was taken").Todo("give the file that the bank wrote").Because(err)
		}
		taken, err := client.TakeBank(ctx, content, by.reason, c.dry)
		switch {
		case err != nil:
			return notTaken(err)
		case c.asJSON:
			return writeJSON(os.Stdout, taken)
		}
		if taken.Repeated {
			c.Print("this file was taken before, as number %d; nothing was done", taken.Number)
		}
		c.Print("file %d of the bank: %d rows; %d taken, %d known before, %d kept as rejects", taken.Number, taken.Rows, taken.Done, taken.Same, len(taken.Rejects))
		c.printRejects(&taken.Taken)
		return nil
	})
}

// notTaken says of a file of another system what is to be done that was not taken, or that may be.
func notTaken(err error) error {
	if unknownOutcome(err) {
		return service.Fail("it is not known whether the file was taken").Todo("give the same command again: a file is taken once").Because(err)
	}
	return refusedBy(language.Textf("nothing was taken"), err)
}

// printRejects prints the rows of such a file of which nothing was done.
func (c *command) printRejects(taken *csvfile.Taken) {
	for _, r := range taken.Rejects {
		c.Print("line %d: %s", r.Line, r.Why)
	}
}

// printFunctions prints how the two functions of a social-security card stand; of another card
// nothing.
func (c *command) printFunctions(card *api.Card) {
	if card.Social == cards.NoFunction {
		return
	}
	social := string(card.Social)
	if card.State != cards.Active && card.State != cards.Inactive {
		social = string(card.State) // nobody can use it
	}
	if card.BankDay == 0 {
		c.Print("social-security function: %s; bank function: nothing from the bank yet", social)
		return
	}
	c.Print("social-security function: %s; bank function: %s, as the bank says of %s", social, string(card.Bank), card.BankDay.String())
}
