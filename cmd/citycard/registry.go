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
	"citycard/ledger"
)

func registryCommand() *ffcli.Command {
	return group("registry", "who and what clearing knows, and changes to it / 登记库",
		"A change is imported by one person and approved by another. Serving processes take an approved change up\n"+
			"within seconds, without a restart.",
		registryImportCommand(),
		registryDecisionCommand("approve", "put a change in force, as its second person / 复核生效", "approved / 已生效", (*registry.Store).Approve),
		registryDecisionCommand("reject", "keep a change from being in force / 驳回变更", "rejected / 已驳回", (*registry.Store).Reject),
		registryStatusCommand(), registryShowCommand(), registryHistoryCommand())
}

// newRegistryCommand makes a command of the registry that takes a given number of arguments. hint
// describes them.
func newRegistryCommand(name, usage, short, hint string, words int) *command {
	c := newCommand("registry "+name, usage, short, "")
	c.registerJSON(jsonLines)
	c.takes = func(given []string) error {
		if c.arguments = given; len(given) != words {
			return service.Exit(service.ExitUsage, fmt.Errorf("%d arguments, want %d: %s / 参数个数不符%s", len(given), words, c.cli.ShortUsage, hint))
		}
		return nil
	}
	return c
}

// registryChange is a command with which one person changes the registry.
type registryChange struct {
	*command
	person string
}

func newRegistryChange(name, usage, short string) *registryChange {
	c := &registryChange{command: newRegistryCommand(name, usage+" --by NAME", short, "", 1)}
	c.flags.StringVar(&c.person, "by", "", "`name` of the person who does it / 经办人")
	c.check = func() error {
		if strings.TrimSpace(c.person) == "" {
			return errors.New("--by is missing: want the name of who does this / 缺少经办人")
		}
		return nil
	}
	return c
}

func (c *registryChange) by() registry.Act { return registry.Act{Person: c.person, At: time.Now()} }

func (c *registryChange) store(b *books.Books) *registry.Store {
	store := registry.NewStore(b.Pool())
	store.Rehearses = c.dry
	return store
}

func registryImportCommand() *ffcli.Command {
	c := newRegistryChange("import", "DIR", "propose the CSV files in a directory as a change / 导入变更")
	reason := c.flags.String("reason", "", "why, for the second person and for later / 变更原因")
	return c.changes(func(ctx context.Context, b *books.Books) error {
		store := c.store(b)
		base, err := store.Load(ctx)
		if err != nil && !errors.Is(err, registry.ErrEmpty) {
			return err
		}
		draft, err := server.ReadChange(c.arguments[0], base)
		if err != nil {
			return server.BadFiles("nothing was imported / 未导入", "correct the files named and import again", err)
		}
		change, err := store.Propose(ctx, draft, c.by(), *reason)
		if errors.Is(err, registry.ErrNothingNew) {
			return service.Refuse("nothing was imported / 未导入", "change something first", err)
		}
		if unfit := (*ledger.BatchError)(nil); errors.As(err, &unfit) {
			return service.Refuse("nothing was imported / 未导入", "correct --reason", errors.New(unfit.What))
		}
		if err != nil {
			return err
		}
		if c.asJSON {
			return writeJSON(os.Stdout, map[string]int64{"change": change, "rows": draft.Rows()})
		}
		c.Print("change %d: %d rows proposed; somebody else puts it in force with: citycard registry approve %[1]d --by NAME / 待复核", change, draft.Rows())
		return nil
	})
}

func registryDecisionCommand(name, short, done string, decide func(*registry.Store, context.Context, int64, registry.Act) error) *ffcli.Command {
	c := newRegistryChange(name, "CHANGE", short)
	return c.changes(func(ctx context.Context, b *books.Books) error {
		change, err := strconv.ParseInt(c.arguments[0], 10, 64)
		if err != nil {
			return service.Exit(service.ExitUsage, fmt.Errorf("change %q is not a number", c.arguments[0]))
		}
		if err := decide(c.store(b), ctx, change, c.by()); err != nil {
			return service.Refuse("not decided / 未处理", "see citycard registry history", err)
		}
		if c.asJSON {
			return writeJSON(os.Stdout, struct {
				Change int64  `json:"change"`
				Result string `json:"result"`
			}{change, strings.Fields(done)[0]})
		}
		c.Print("change %d %s", change, done)
		return nil
	})
}

func registryStatusCommand() *ffcli.Command {
	c := newRegistryCommand("status", "", "the version in force, and what waits for approval / 当前版本与待复核变更", "", 0)
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
	c := newRegistryCommand("history", "", "all changes: who, when, what became of them / 变更历史", "", 0)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		changes, err := registry.NewStore(b.Pool()).Changes(ctx)
		if err != nil {
			return err
		}
		return listAll(c, changeHeader, changeCells, changes)
	})
}

const changeHeader = "CHANGE 变更\tSTATE 状态\tVERSION 版本\tHASH 摘要\t>ROWS 行数\tIMPORTED 导入\tDECIDED 复核\tREASON 原因"

func changeCells(c registry.Change) []string {
	decided, version := "", ""
	if c.Decided != nil {
		decided = who(*c.Decided)
	}
	if c.Version > 0 {
		version = strconv.FormatInt(c.Version, 10)
	}
	return []string{fmt.Sprint(c.Number), string(c.State), version, c.Hash, fmt.Sprint(c.Rows), who(c.Imported), decided, c.Reason}
}

func who(a registry.Act) string { return a.Person + " " + a.At.Format(time.RFC3339) }

func registryShowCommand() *ffcli.Command {
	c := newRegistryCommand("show", "KIND ID", "all rows of one operator, terminal, card, … / 查询登记内容",
		"; KIND is one of "+strings.Join(registry.KindNames(), ", "), 2)
	var zone service.Zone
	var day books.Day
	c.flags.Var(&zone, "zone", "time `zone` of days / 时区")
	c.flags.Var(&day, "day", "mark the row in force on this `day` YYYYMMDD; empty: today / 日期")
	return c.reads(func(ctx context.Context, b *books.Books) error {
		kind, err := registry.ParseKind(c.arguments[0])
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		rows, err := registry.NewStore(b.Pool()).Rows(ctx, kind, c.arguments[1])
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		inForce, err := rowInForce(rows, cmp.Or(ledger.Day(day), ledger.DayOf(time.Now().In(zone.Location()))))
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		if len(rows) == 0 {
			return service.Fail(c.arguments[1]+" is not among the "+c.arguments[0]+" / 未登记", "check the number; only approved changes count", nil)
		}
		header := "IN FORCE 有效\tCHANGE 变更\t" + strings.ToUpper(strings.Join(rows[0].Columns, "\t"))
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

func (r registryLine) cells() []string {
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
