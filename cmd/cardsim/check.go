package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/check"
	"citycard/cmd/service"
	"citycard/simulators/truth"
)

// checking is the command `cardsim check`.
type checking struct {
	service.Common
	truth    string
	database string
	books    string
	export   string
	scratch  string
	asJSON   bool
}

// checked is what cardsim check --json prints.
type checked struct {
	Agrees           bool                      `json:"agrees"`
	Sent             int                       `json:"sent"` // records that the truth knows, of all its days
	Lost             int                       `json:"lost"`
	Doubled          int                       `json:"doubled"`
	Wrong            int                       `json:"wrong"`      // amount, payee or reason
	Unexpected       int                       `json:"unexpected"` // not in the truth
	PurseMismatches  int                       `json:"purse_mismatches"`
	Positions        map[string]truth.Position `json:"positions"` // accounts credited with another sum
	Verdicts         check.Counts              `json:"verdicts"`
	DuplicatesBeyond int                       `json:"duplicates_beyond"` // more than were sent: a sender was cut off
	Faults           []string                  `json:"faults"`            // the first
	Seconds          float64                   `json:"seconds"`
}

func checkCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardsim check", flag.ContinueOnError)
	var c checking
	c.Data = "cardsim-data"
	c.Register(flags)
	flags.StringVar(&c.truth, "truth", "", "`DIR` of the truth; empty: truth/ in the data directory")
	flags.StringVar(&c.books, "books", "citycard-data", "data `DIR` of citycard whose books are compared")
	service.RegisterDatabase(flags, &c.database, "`URL` of the books' database, instead of --books")
	flags.StringVar(&c.export, "export", "", "`FILE` that citycard export wrote, - for standard input, instead of --books")
	flags.StringVar(&c.scratch, "scratch", "", "`DIR` for files while it runs; empty: the system's")
	flags.BoolVar(&c.asJSON, "json", false, "print for machines")
	return &ffcli.Command{
		Name:       "check",
		ShortUsage: "cardsim check [flags]",
		ShortHelp:  "hold every fen and every verdict of the books against the truth",
		LongHelp:   "Exit code 3 where anything differs. All days in the truth's directory are one truth.",
		FlagSet:    flags,
		Exec:       c.exec,
	}
}

func (c *checking) exec(ctx context.Context, args []string) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	dir := c.truth
	if dir == "" {
		dir = filepath.Join(c.Data, "truth")
	}
	if err := check.Truth(dir); err != nil {
		return err
	}
	started := time.Now()
	found, err := c.compare(ctx, dir)
	if err != nil {
		return err
	}
	out := checked{
		Agrees: found.Agrees(), Sent: found.Sent, Lost: found.Lost, Doubled: found.Doubled, Wrong: found.Wrong, Unexpected: found.Unexpected,
		PurseMismatches: found.Purses, Positions: found.Positions, Verdicts: found.Counts,
		DuplicatesBeyond: max(0, found.Counts.Duplicates-found.Want.Duplicates), Faults: found.Faults(), Seconds: time.Since(started).Seconds(),
	}
	if err := c.print(&out); err != nil {
		return err
	}
	if !out.Agrees {
		return service.Exit(service.ExitFindings, nil)
	}
	return nil
}

func (c *checking) compare(ctx context.Context, dir string) (found *check.Finding, err error) {
	if c.export != "" {
		return check.File(c.export, dir, c.scratch)
	}
	b, err := books.Find(ctx, books.ToRead, c.database, c.books, c.Logger())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close(ctx)) }()
	return check.Books(ctx, b.Ledger, dir, c.scratch)
}

func (c *checking) print(out *checked) error {
	if c.asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	for _, fault := range out.Faults {
		c.Print("! %s", fault)
	}
	c.Print("%d sent, %d lost, %d doubled, %d wrong, %d unexpected, %d purse mismatches, %d positions differ, in %.1f s",
		out.Sent, out.Lost, out.Doubled, out.Wrong, out.Unexpected, out.PurseMismatches, len(out.Positions), out.Seconds)
	if out.Agrees {
		c.Print("THE BOOKS AGREE WITH THE TRUTH")
	} else {
		c.Print("THE BOOKS DIFFER FROM THE TRUTH")
	}
	return c.Printed()
}
