package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/registry"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func registryCommand() *ffcli.Command {
	return group("registry", "who and what clearing knows, and changes to it",
		"A change is imported by one person and approved by another. Serving processes take an approved change up\n"+
			"within seconds, without a restart.",
		registryImportCommand(),
		registryDecisionCommand("approve", "put a change in force, as its second person", registry.Approved, (*registry.Store).Approve),
		registryDecisionCommand("reject", "keep a change from being in force", registry.Rejected, (*registry.Store).Reject),
		registryDiffCommand(), registryStatusCommand(), registryShowCommand(), registryHistoryCommand())
}

// registryChange is a command with which one person changes the registry.
type registryChange struct{ *proposing }

func newRegistryChange(name, usage, short string) *registryChange {
	return &registryChange{newChange("registry "+name, usage, short)}
}

func (c *registryChange) by() registry.Act { return registry.Act{Person: c.person, At: time.Now()} }

func (c *registryChange) store(b *books.Books) *registry.Store {
	store := registry.NewStore(b.Pool())
	store.Rehearses = c.dry
	return store
}

func registryImportCommand() *ffcli.Command {
	c := newRegistryChange("import", "DIR", "propose the CSV files in a directory as a change")
	reason := c.flags.String("reason", "", "why, a `text` for the second person and for later")
	return c.changes(func(ctx context.Context, b *books.Books) error {
		store := c.store(b)
		draft, err := readChange(ctx, b, store, c.arguments[0])
		if err != nil {
			return server.BadFiles(service.Fail("nothing was imported").Todo("correct the files named and import again"), err)
		}
		change, err := store.Propose(ctx, draft, c.by(), *reason)
		if errors.Is(err, registry.ErrNothingNew) {
			return service.Refuse("nothing was imported").Todo("change something first").Because(err)
		}
		if unfit := (*ledger.BatchError)(nil); errors.As(err, &unfit) {
			return service.Refuse("nothing was imported").Todo("correct --reason").Because(unfit.What)
		}
		if err != nil {
			return err
		}
		if c.asJSON {
			return writeJSON(os.Stdout, map[string]int64{"change": change, "rows": draft.Rows()})
		}
		c.Print("change %d: %d rows proposed; somebody else puts it in force with: citycard registry approve %[1]d --by NAME", change, draft.Rows())
		return nil
	})
}

func registryDecisionCommand(name, short string, done registry.State, decide func(*registry.Store, context.Context, int64, registry.Act) error) *ffcli.Command {
	c := newRegistryChange(name, "CHANGE", short)
	return c.changes(func(ctx context.Context, b *books.Books) error {
		change, err := strconv.ParseInt(c.arguments[0], 10, 64)
		if err != nil {
			return service.Exit(service.ExitUsage, language.Textf("change %q is not a number", c.arguments[0]))
		}
		store := c.store(b)
		if done == registry.Approved {
			err = c.showsChange(ctx, store, change)
		}
		if err == nil {
			err = decide(store, ctx, change, c.by())
		}
		if err != nil {
			return service.Refuse("not decided").Todo("see citycard registry history").Because(err)
		}
		if c.asJSON {
			return writeJSON(os.Stdout, struct {
				Change int64          `json:"change"`
				Result registry.State `json:"result"`
			}{change, done})
		}
		if done == registry.Approved {
			c.Print("change %d approved", change)
		} else {
			c.Print("change %d rejected", change)
		}
		return nil
	})
}

func registryStatusCommand() *ffcli.Command {
	c := newWithArguments("registry status", "", "the version in force, and what waits for approval", 0)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		changes, err := registry.NewStore(b.Pool()).Changes(ctx)
		if err != nil {
			return err
		}
		var current registry.Change
		var shown []registry.Change
		for _, change := range changes {
			if change.Version > current.Version {
				current = change
			}
			if change.State == registry.Proposed {
				shown = append(shown, change)
			}
		}
		if current.Version > 0 {
			shown = append([]registry.Change{current}, shown...)
		}
		return listAll(c, changeHeader, changeCells, shown)
	})
}

func registryHistoryCommand() *ffcli.Command {
	c := newWithArguments("registry history", "", "all changes: who, when, what became of them", 0)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		changes, err := registry.NewStore(b.Pool()).Changes(ctx)
		if err != nil {
			return err
		}
		return listAll(c, changeHeader, changeCells, changes)
	})
}

const changeHeader = "CHANGE\tSTATE\tVERSION\tHASH\t>ROWS\tIMPORTED\tDECIDED\tREASON"

func changeCells(c registry.Change, l language.Language) []string {
	decided, version := "", ""
	if c.Decided != nil {
		decided = who(*c.Decided)
	}
	if c.Version > 0 {
		version = strconv.FormatInt(c.Version, 10)
	}
	return []string{fmt.Sprint(c.Number), stateOf(c.State, l), version, c.Hash, fmt.Sprint(c.Rows), who(c.Imported), decided, c.Reason}
}

// stateOf is a change's state, for people.
func stateOf(s registry.State, l language.Language) string {
	switch s {
	case registry.Proposed:
		return l.Coded(string(s), string(s), "待复核")
	case registry.Founding:
		return l.Coded(string(s), string(s), "初始登记")
	case registry.Approved:
		return l.Coded(string(s), string(s), "已生效")
	case registry.Rejected:
		return l.Coded(string(s), string(s), "已驳回")
	case registry.Stale:
		return l.Coded(string(s), "proposed, and the registry has changed since", "待复核，登记库已另有变更")
	case registry.Unfinished:
		return l.Coded(string(s), "the import did not come to its end", "导入未完成")
	}
	return string(s)
}

func who(a registry.Act) string { return a.Person + " " + a.At.Format(time.RFC3339) }

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
