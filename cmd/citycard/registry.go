package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people/proposal"
	"citycard/clearing/registry"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func registryCommand() *ffcli.Command {
	return group("registry", "who and what clearing knows, and changes to it",
		"A change is proposed by one person and approved by another: citycard proposal approve. Serving processes take an\n"+
			"approved change up within seconds, without a restart.",
		registryImportCommand(), registryPublishCommand(), registryDiffCommand(), registryStatusCommand(), registryShowCommand(), registryHistoryCommand())
}

func registryImportCommand() *ffcli.Command {
	p := newProposing("registry import", "DIR", "propose the CSV files in a directory as a change", "")
	p.takesWords(1)
	p.completes = true
	return proposes(p, registry.ChangeName, func(context.Context) (r registry.ImportRequest, err error) {
		if r.Files, err = registry.ReadFiles(p.arguments[0]); err != nil {
			return r, server.BadFiles(service.Fail("nothing was imported").Todo("correct the files named and import again"), err)
		}
		return r, nil
	})
}

func registryPublishCommand() *ffcli.Command {
	p := newProposing("registry publish", "", "propose to publish a hotlist that is outside its bounds, this once",
		"A hotlist that grows, shrinks or names more cards than its bounds allow stays unpublished, and terminals go on with the\n"+
			"one before it. Look first at what has changed: citycard registry diff. Once somebody else has approved it, this one list\n"+
			"is published within seconds; the next one is held against the bounds again.")
	p.completes = true
	return proposes(p, registry.PublishName, func(context.Context) (registry.AskPublish, error) { return registry.AskPublish{}, nil })
}

func registryStatusCommand() *ffcli.Command {
	c := newWithArguments("registry status", "", "the version in force", 0)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		versions, err := registry.History(ctx, b.Ledger)
		if err != nil {
			return err
		}
		if err := listAll(c, versionHeader, versionCells, versions[max(len(versions)-1, 0):]); err != nil {
			return err
		}
		return c.saysWaiting(ctx, b, registry.ChangeName)
	})
}

func registryHistoryCommand() *ffcli.Command {
	c := newWithArguments("registry history", "", "all versions: who changed the registry, when, and why", 0)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		versions, err := registry.History(ctx, b.Ledger)
		if err != nil {
			return err
		}
		return listAll(c, versionHeader, versionCells, versions)
	})
}

const versionHeader = ">VERSION\tHASH\t>CHANGE\t>ROWS\tSINCE\tPROPOSED\tAPPROVED\tREASON"

func versionCells(v registry.Version, l language.Language) []string {
	return []string{
		strconv.FormatInt(v.Number, 10), v.Hash, strconv.FormatInt(v.Change, 10), strconv.FormatInt(v.Rows, 10),
		v.At.Format(time.RFC3339), v.Proposer, approverIn(l, v.Proposer, v.Approver), v.Reason,
	}
}

// approverIn is who approved something, or founded it, for people.
func approverIn(l language.Language, proposer, approver string) string {
	if proposer == "" {
		return l.Choose("founded by "+approver, approver+"（初始登记）")
	}
	return approver
}

// saysWaiting says which proposals of a kind wait for somebody.
func (c *command) saysWaiting(ctx context.Context, b *books.Books, kind string) error {
	if c.asJSON {
		return nil
	}
	office, err := server.Proposals(b.Ledger)
	if err != nil {
		return err
	}
	return office.List(ctx, proposal.Filter{Kind: kind}, func(p *proposal.Proposal) error {
		c.Print("proposal %d by %s waits: citycard proposal show %[1]d", p.Number, p.Proposer)
		return nil
	})
}

func registryShowCommand() *ffcli.Command {
	c := newWithArguments("registry show", "KIND ID", "all rows of one operator, terminal, card, …", 2)
	takes := c.takes
	c.takes = func(given []string) error {
		if err := takes(given); err != nil {
			return service.Exit(service.ExitUsage, language.Textf("%w; KIND is one of %s", err, strings.Join(registry.KindNames(), ", ")))
		}
		return nil
	}
	var day books.Day
	c.flags.Var(&day, "day", "mark the row in force on this `day` YYYYMMDD; empty: today")
	return c.reads(func(ctx context.Context, b *books.Books) error {
		kind, err := registry.ParseKind(c.arguments[0])
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		rows, err := registry.NewStore(b.Pool()).Rows(ctx, kind, c.arguments[1])
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		zone, err := server.Zone(ctx, b.Ledger)
		if err != nil {
			return err
		}
		inForce, err := rowInForce(rows, cmp.Or(ledger.Day(day), ledger.DayOf(time.Now().In(zone))))
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		if len(rows) == 0 {
			return service.Fail("%s is not among the %s", c.arguments[1], c.arguments[0]).Todo("check the number; only approved changes count")
		}
		columns := strings.Join(rows[0].Columns, "\t")
		header := c.Language.Of("IN FORCE") + "\t" + c.Language.Of("CHANGE") + "\t" + c.Language.Choose(strings.ToUpper(columns), columns)
		return list(c, header, registryLine.cells, func(add func(registryLine) error) error {
			for i, r := range rows {
				if err := add(registryLine{r.Change, r.Version, r.From, i == inForce, r.Fields, r.Columns}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// registryLine is a row as it is printed.
type registryLine struct {
	Change  int64             `json:"change"`
	Version int64             `json:"version"`
	From    ledger.Day        `json:"effective_from"`
	InForce bool              `json:"in_force"`
	Row     map[string]string `json:"row"`
	columns []string
}

func (r registryLine) cells(l language.Language) []string {
	mark := ""
	if r.InForce {
		mark = "*"
	}
	cells := []string{mark, strconv.FormatInt(r.Change, 10)}
	for _, column := range r.columns {
		cells = append(cells, r.Row[column])
	}
	return cells
}

// rowInForce finds the row in force on a day (for a hotlist: at the day's last second). It is the
// last row that has begun, if that one is not over; -1 if there is none.
func rowInForce(rows []registry.Row, day ledger.Day) (int, error) {
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].From > day {
			continue
		}
		to := rows[i].Fields["effective_to"]
		if to == "" {
			return i, nil
		}
		last, err := ledger.ParseDay(to[:min(len(to), 8)])
		whole := len(to) == 8 || strings.HasSuffix(to, "235959")
		if day < last || day == last && whole {
			return i, err
		}
		return -1, err
	}
	return -1, nil
}
