package main

import (
	"cmp"
	"context"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/counters"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
)

func dayFindingsCommand() *ffcli.Command {
	c := newOneDay("day findings", "--day DAY [--kind KIND]", "what the close of a day found in its cards and SAMs / 日终核对发现", findingsHelp())
	kind := c.flags.String("kind", "", "only findings of this `kind`, such as counter_gap / 类别")
	whole := c.flags.Bool("whole-numbers", false, "cards by their whole numbers, for who looks into one; else the last four digits / 显示完整卡号")
	c.registerJSON(jsonLines)
	var only counters.Kind
	named := c.check
	c.check = func() (err error) {
		if *kind != "" {
			only, err = counters.ParseKind(*kind)
		}
		return cmp.Or(err, named())
	}
	return c.reads(c.known(func(ctx context.Context, b *books.Books, day ledger.Day) error {
		return c.findings(ctx, counters.Checker{Ledger: b.Ledger}, day, only, *whole)
	}))
}

func findingsHelp() string {
	text := "Gaps are numbers that no record has; what comes later fills them. A balance is the last claimed one less\nwhat the ledger says the card should hold, found again on the day on which it changes.\n\n"
	for _, k := range counters.Kinds() {
		english, chinese := k.Explain()
		text += fmt.Sprintf("  %-19s %s / %s\n", k, english, chinese)
	}
	return text
}

// findingLine is a finding as it is printed.
type findingLine struct {
	Kind    counters.Kind `json:"kind"`
	Subject string        `json:"subject"`
	First   int64         `json:"first"` // of the numbers
	Last    int64         `json:"last"`
	Fen     int64         `json:"fen"`
}

func (f findingLine) cells() []string {
	numbers, yuan := fmt.Sprint(f.First), ""
	switch {
	case f.Kind == counters.Balance:
		numbers, yuan = "", ledger.Fen(f.Fen).String()
	case f.Last > f.First:
		numbers = fmt.Sprintf("%d-%d", f.First, f.Last)
	}
	return []string{f.Kind.String(), f.Subject, numbers, yuan}
}

const findingHeader = "KIND 类别\tCARD OR SAM 卡号或SAM号\tNUMBERS 序号\t>YUAN 元"

func (c *command) findings(ctx context.Context, checker counters.Checker, day ledger.Day, only counters.Kind, whole bool) error {
	summary, found, err := checker.Of(ctx, day)
	if err != nil {
		return err
	}
	if !found {
		return service.Fail("day "+day.String()+" has not been passed over yet / 该日尚未核对", "close it first", nil)
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
		c.Print("\n%d rows of the day read; %d cards and %d SAMs have a history / 已核对 %[1]d 笔", summary.Rows, summary.Cards, summary.SAMs)
	}
	return err
}
