package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/history"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
)

func dayFindingsCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard day findings", flag.ContinueOnError)
	var a actOnDay
	a.register(flags)
	kind := flags.String("kind", "", "only findings of this `kind`, such as counter_gap / 类别")
	asJSON := flags.Bool("json", false, "one JSON object a line / 输出 JSON")
	whole := flags.Bool("whole-numbers", false, "cards by their whole numbers, for who looks into one; else the last four digits / 显示完整卡号")
	return &ffcli.Command{
		Name: "findings", ShortUsage: "citycard day findings --day DAY [--kind KIND] [flags]",
		ShortHelp: "what the close of a day found in its cards and SAMs / 日终核对发现",
		LongHelp:  findingsHelp(), FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			only := history.Kind(0)
			if *kind != "" {
				var err error
				if only, err = history.ParseKind(*kind); err != nil {
					return service.Exit(service.ExitUsage, err)
				}
			}
			return a.read(ctx, args, func(b *books.Books) error {
				return printFindings(ctx, history.Archive{Ledger: b.Ledger}, ledger.Day(a.day), only, *whole, *asJSON)
			})
		},
	}
}

func findingsHelp() string {
	text := "Gaps are numbers that no record has; what comes later fills them. A balance is the last claimed one less\nwhat the ledger says the card should hold, found again on the day on which it changes.\n\n"
	for _, k := range history.Kinds() {
		english, chinese := k.Explain()
		text += fmt.Sprintf("  %-19s %s / %s\n", k, english, chinese)
	}
	return text
}

// findingLine is a finding as it is printed.
type findingLine struct {
	Kind    history.Kind `json:"kind"`
	Subject string       `json:"subject"`
	First   int64        `json:"first"` // of the numbers
	Last    int64        `json:"last"`
	Fen     int64        `json:"fen"`
}

func printFindings(ctx context.Context, archive history.Archive, day ledger.Day, only history.Kind, whole, asJSON bool) error {
	summary, found, err := archive.Of(ctx, day)
	if err != nil {
		return err
	}
	if !found {
		return service.Fail("day "+day.String()+" has not been passed over yet / 该日尚未核对", "close it first", nil)
	}
	each := func(print func(findingLine) error) error {
		return archive.Findings(ctx, day, only, func(f history.Finding) error {
			line := findingLine{f.Kind, f.Subject.String(), f.First, f.Last, f.Fen}
			if whole {
				line.Subject = f.Subject.Digits()
			}
			return print(line)
		})
	}
	if asJSON {
		out := json.NewEncoder(os.Stdout)
		return each(func(f findingLine) error { return out.Encode(f) })
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "KIND 类别\tCARD OR SAM 卡号或SAM号\tNUMBERS 序号\tYUAN 元")
	err = each(func(f findingLine) error {
		numbers, yuans := fmt.Sprint(f.First), ""
		switch {
		case f.Kind == history.Balance:
			numbers, yuans = "", ledger.Fen(f.Fen).String()
		case f.Last > f.First:
			numbers = fmt.Sprintf("%d-%d", f.First, f.Last)
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Kind, f.Subject, numbers, yuans)
		return err
	})
	if err := errors.Join(err, w.Flush()); err != nil {
		return err
	}
	fmt.Printf("\n%d rows of the day read; %d cards and %d SAMs have a history / 已核对 %d 笔\n", summary.Rows, summary.Cards, summary.SAMs, summary.Rows)
	return nil
}
