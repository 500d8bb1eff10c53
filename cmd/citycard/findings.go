package main

import (
	"context"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/counters"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func dayFindingsCommand() *ffcli.Command {
	c := newOneDay("day findings", "--day DAY [--kind KIND]", "what the close of a day found in its cards and SAMs",
		"Gaps are numbers that no record has; what comes later fills them. A balance is the last claimed one less\n"+
			"what the ledger says the card should hold, found again on the day on which it changes.\n\n"+
			"  counter_gap         taps missing by the card's counter\n"+
			"  counter_twice       counter numbers claimed by two taps\n"+
			"  counter_jump        counter numbers far from the card's others\n"+
			"  counter_impossible  counter numbers that no card has\n"+
			"  load_gap            loads missing by the card's counter\n"+
			"  sam_gap             taps missing by the SAM's sequence\n"+
			"  sam_twice           SAM numbers used by two cards\n"+
			"  sam_jump            SAM numbers far from the SAM's others\n"+
			"  balance             cards whose claimed balance changed against the ledger's")
	kind := c.flags.String("kind", "", "only findings of this `kind`, such as counter_gap")
	whole := c.flags.Bool("whole-numbers", false, "cards by their whole numbers, for who looks into one; else the last four digits")
	c.registerJSON(jsonLines)
	var only counters.Kind
	named := c.check
	c.check = func() error {
		if *kind != "" {
			var err error
			if only, err = counters.ParseKind(*kind); err != nil {
				return language.Textf("--kind %q: want one of %v", *kind, counters.Kinds())
			}
		}
		return named()
	}
	return c.reads(c.known(func(ctx context.Context, b *books.Books, day ledger.Day) error {
		return c.findings(ctx, counters.Checker{Ledger: b.Ledger}, day, only, *whole)
	}))
}

// findingLine is a finding as it is printed.
type findingLine struct {
	Kind    counters.Kind `json:"kind"`
	Subject string        `json:"subject"`
	First   int64         `json:"first"` // of the numbers
	Last    int64         `json:"last"`
	Fen     int64         `json:"fen"`
}

func (f findingLine) cells(l language.Language) []string {
	numbers, yuan := fmt.Sprint(f.First), ""
	switch {
	case f.Kind == counters.Balance:
		numbers, yuan = "", ledger.Fen(f.Fen).String()
	case f.Last > f.First:
		numbers = fmt.Sprintf("%d-%d", f.First, f.Last)
	}
	english, chinese := f.Kind.Explain()
	return []string{l.Coded(f.Kind.String(), english, chinese), f.Subject, numbers, yuan}
}

const findingHeader = "KIND\tCARD OR SAM\tNUMBERS\t>YUAN"

func (c *command) findings(ctx context.Context, checker counters.Checker, day ledger.Day, only counters.Kind, whole bool) error {
	summary, found, err := checker.Of(ctx, day)
	if err != nil {
		return err
	}
	if !found {
		return service.Fail("day %s has not been passed over yet", day.String()).Todo("close it first")
	}
	err = list(c, findingHeader, findingLine.cells, func(add func(findingLine) error) error {
		return checker.Findings(ctx, day, only, func(f counters.Finding) error {
			line := findingLine{f.Kind, f.Subject.String(), f.First, f.Last, f.Fen}
			if whole {
				line.Subject = f.Subject.Digits()
			}
			return add(line)
		})
	})
	if err == nil && !c.asJSON {
		c.Print("\n%d rows of the day read; %d cards and %d SAMs have a history", summary.Rows, summary.Cards, summary.SAMs)
	}
	return err
}
