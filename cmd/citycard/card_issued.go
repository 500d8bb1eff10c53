package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/clearing/stock"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/terminals/counter"
)

// mostReport bounds the report of a job, in bytes.
const mostReport = 64 << 20

// issuedLines reads what the report of a job says of blanks.
func issuedLines(path string) (lines []cards.ReportLine, err error) {
	content, err := server.ReadFile(path, mostReport)
	if err != nil {
		return nil, err
	}
	_, err = counter.ReadReport(content, func(n int, e *counter.Entry) error {
		switch e.State {
		case counter.Spoilt:
			lines = append(lines, cards.ReportLine{Line: n, Serial: e.Serial})
		case counter.Made:
			made, err := madeOf(e)
			if err != nil {
				return language.Textf("line %d: %w", n, err)
			}
			lines = append(lines, cards.ReportLine{Line: n, Serial: e.Serial, Made: made})
		}
		return nil
	})
	return lines, err
}

// madeOf is the card that a line of a report says was made.
func madeOf(e *counter.Entry) (*stock.Made, error) {
	switch is := e.Issued; {
	case is == nil:
		return nil, fmt.Errorf("it does not say which card was made")
	case is.Kind == counter.SocialSecurity:
		return &stock.Made{Number: is.CardNumber}, nil
	default:
		m := &stock.Made{Number: is.Number, Issuer: strings.ToLower(is.Issuer), Type: uint32(e.CardType)}
		var err error
		if m.Begins, err = ledger.ParseDay(e.Start); err == nil {
			m.Expires, err = ledger.ParseDay(e.Expiry)
		}
		return m, err
	}
}

func cardIssuedCommand() *ffcli.Command {
	c := newCommand("card issued", "FILE [--store UNIT] --identity FILE --reason TEXT", "bring the report of a job of cards in: cards come into the registry and out of stock",
		"FILE is the report of cardterm issue --job. Each card that was made comes into the registry, as the product of its\n"+
			"blank, and can be sold; blanks that were spoilt are counted. The same report again does nothing. A line that\n"+
			"contradicts stock, the registry or an earlier report is listed, and nothing is done of it.")
	c.takesWords(1)
	c.registerJSON("print for machines")
	store := c.flags.String("store", "issuer", "`UNIT` in whose store the blanks lay: issuer, channel:ID or operator:ID")
	var by actor
	by.register(c)
	c.check = by.missing
	return c.asks(true, by.identity, func(ctx context.Context, client *api.Client) error {
		lines, err := issuedLines(c.arguments[0])
		if err != nil {
			return service.Refuse("nothing is brought in").Todo("give the report of cardterm issue --job").Because(err)
		}
		unit, err := storeOf(*store)
		if err != nil {
			return err
		}
		sum := api.IssueDone{Disputes: []api.IssueDispute{}}
		for first := 0; first < len(lines); first += cards.MostLines {
			part := &cards.Report{Store: unit, Lines: lines[first:min(first+cards.MostLines, len(lines))]}
			done, err := client.IssueCards(ctx, part, by.reason, c.dry)
			if unknownOutcome(err) {
				return service.Fail("it is not known what became of line %d and those behind it", part.Lines[0].Line).Todo("give the same command again: a line is done once").Because(err)
			}
			if err != nil {
				return refusedBy(language.Textf("nothing is done from line %d on", part.Lines[0].Line), err)
			}
			sum.Issued, sum.Spoilt, sum.Repeated = sum.Issued+done.Issued, sum.Spoilt+done.Spoilt, sum.Repeated+done.Repeated
			sum.Disputes = append(sum.Disputes, done.Disputes...)
		}
		if c.asJSON {
			if err := writeJSON(os.Stdout, sum); err != nil {
				return err
			}
		} else {
			c.Print("issued: %d; spoilt: %d; done before: %d; disputed: %d", sum.Issued, sum.Spoilt, sum.Repeated, len(sum.Disputes))
		}
		return disputed(&sum)
	})
}

// disputed says which lines nothing was done of.
func disputed(sum *api.IssueDone) error {
	if len(sum.Disputes) == 0 {
		return nil
	}
	const most = 100
	var because []error
	for _, d := range sum.Disputes[:min(len(sum.Disputes), most)] {
		because = append(because, language.Textf("line %d: %s", d.Line, d.What))
	}
	return service.Refuse("lines of which nothing was done: %d", len(sum.Disputes)).Todo("find out what became of these blanks: citycard stock show --ranges").BecauseOf(len(sum.Disputes), because)
}
