package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/registry"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

// registrySettings are the flags of the registry's commands.
type registrySettings struct {
	service.Common
	flags    *flag.FlagSet
	database string
	by       string
	reason   string
	asJSON   bool
	zone     service.Zone
	day      books.Day
}

func registryCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "registry", ShortUsage: "citycard registry <import|approve|reject|status|show|history> [flags]",
		ShortHelp: "who and what clearing knows, and changes to it / 登记库",
		LongHelp: "A change is imported by one person and approved by another. Serving processes take an approved change up\n" +
			"within seconds, without a restart.",
		FlagSet: flag.NewFlagSet("citycard registry", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{
			registrySubcommand("import", "DIR --by NAME", "propose the CSV files in a directory as a change / 导入变更", 1, (*registrySettings).propose),
			registrySubcommand("approve", "CHANGE --by NAME", "put a change in force, as its second person / 复核生效", 1, (*registrySettings).approve),
			registrySubcommand("reject", "CHANGE --by NAME", "keep a change from being in force / 驳回变更", 1, (*registrySettings).reject),
			registrySubcommand("status", "", "the version in force, and what waits for approval / 当前版本与待复核变更", 0, (*registrySettings).status),
			registrySubcommand("show", "KIND ID", "all rows of one operator, terminal, card, … / 查询登记内容", 2, (*registrySettings).show),
			registrySubcommand("history", "", "all changes: who, when, what became of them / 变更历史", 0, (*registrySettings).history),
		},
		Exec: func(context.Context, []string) error { return flag.ErrHelp },
	}
}

func registrySubcommand(name, usage, help string, arguments int, act func(*registrySettings, context.Context, *books.Books, []string) error) *ffcli.Command {
	s := &registrySettings{flags: flag.NewFlagSet("citycard registry "+name, flag.ContinueOnError)}
	s.Common = service.Common{Data: "citycard-data"}
	s.Register(s.flags)
	service.RegisterDatabase(s.flags, &s.database, "`URL` of the database; empty: the data directory's / 数据库地址")
	switch name {
	case "import", "approve", "reject":
		s.flags.StringVar(&s.by, "by", "", "`name` of the person who does it / 经办人")
	case "show":
		s.flags.Var(&s.zone, "zone", "time `zone` of days / 时区")
		s.flags.Var(&s.day, "day", "mark the row in force on this `day` YYYYMMDD; empty: today / 日期")
	}
	if name == "import" {
		s.flags.StringVar(&s.reason, "reason", "", "why, for the second person and for later / 变更原因")
	}
	s.flags.BoolVar(&s.asJSON, "json", false, "one JSON object a line / 输出 JSON")
	c := &ffcli.Command{
		Name: name, ShortUsage: strings.TrimSpace("citycard registry "+name+" "+usage) + " [flags]", ShortHelp: help, FlagSet: s.flags,
	}
	c.Exec = func(ctx context.Context, args []string) error {
		if err := s.check(c, args, arguments); err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		open := books.ToRead
		if s.flags.Lookup("by") != nil {
			open = books.ToBook
		}
		b, done, err := open(ctx, s.database, s.Data, s.Logger())
		if err != nil {
			return err
		}
		return firstOf(act(s, ctx, b, args), done())
	}
	return c
}

// check wants as many arguments as the command takes, and the person who does it.
func (s *registrySettings) check(c *ffcli.Command, args []string, want int) error {
	if len(args) != want {
		text := fmt.Sprintf("%d arguments, want %d: %s / 参数个数不符", len(args), want, c.ShortUsage)
		if c.Name == "show" {
			text += "; KIND is one of " + strings.Join(registry.KindNames(), ", ")
		}
		return errors.New(text)
	}
	if s.flags.Lookup("by") != nil && strings.TrimSpace(s.by) == "" {
		return errors.New("--by is missing: want the name of who does this / 缺少经办人")
	}
	return nil
}

func (s *registrySettings) act() registry.Act { return registry.Act{Person: s.by, At: time.Now()} }

func (s *registrySettings) propose(ctx context.Context, b *books.Books, args []string) error {
	store := registry.NewStore(b.Pool())
	base, err := store.Load(ctx)
	if err != nil && !errors.Is(err, registry.ErrEmpty) {
		return err
	}
	draft, err := server.ReadChange(args[0], base)
	if err != nil {
		return server.BadFiles("nothing was imported / 未导入", "correct the files named and import again", err)
	}
	change, err := store.Propose(ctx, draft, s.act(), s.reason)
	if errors.Is(err, registry.ErrNothingNew) {
		return service.Refuse("nothing was imported / 未导入", "change something first", err)
	}
	if err != nil {
		return err
	}
	if s.asJSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]int64{"change": change, "rows": draft.Rows()})
	}
	fmt.Printf("change %d: %d rows proposed; somebody else puts it in force with: citycard registry approve %d --by NAME / 待复核\n",
		change, draft.Rows(), change)
	return nil
}

func (s *registrySettings) approve(ctx context.Context, b *books.Books, args []string) error {
	return s.decide(ctx, args[0], registry.NewStore(b.Pool()).Approve, "approved / 已生效")
}

func (s *registrySettings) reject(ctx context.Context, b *books.Books, args []string) error {
	return s.decide(ctx, args[0], registry.NewStore(b.Pool()).Reject, "rejected / 已驳回")
}

func (s *registrySettings) decide(ctx context.Context, number string, act func(context.Context, int64, registry.Act) error, done string) error {
	change, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return service.Exit(service.ExitUsage, fmt.Errorf("change %q is not a number", number))
	}
	if err := act(ctx, change, s.act()); err != nil {
		return service.Refuse("not decided / 未处理", "see citycard registry history", err)
	}
	if s.asJSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"change": change, "result": strings.Fields(done)[0]})
	}
	fmt.Printf("change %d %s\n", change, done)
	return nil
}

func (s *registrySettings) status(ctx context.Context, b *books.Books, _ []string) error {
	changes, err := registry.NewStore(b.Pool()).Changes(ctx)
	if err != nil {
		return err
	}
	var current registry.Change
	var shown []registry.Change
	for _, c := range changes {
		if c.Version > current.Version {
			current = c
		}
		if c.State == registry.Proposed {
			shown = append(shown, c)
		}
	}
	if current.Version > 0 {
		shown = append([]registry.Change{current}, shown...)
	}
	return s.print(shown)
}

func (s *registrySettings) history(ctx context.Context, b *books.Books, _ []string) error {
	changes, err := registry.NewStore(b.Pool()).Changes(ctx)
	if err != nil {
		return err
	}
	return s.print(changes)
}

func (s *registrySettings) print(changes []registry.Change) error {
	if s.asJSON {
		for _, c := range changes {
			if err := json.NewEncoder(os.Stdout).Encode(c); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CHANGE 变更\tSTATE 状态\tVERSION 版本\tHASH 摘要\tROWS 行数\tIMPORTED 导入\tDECIDED 复核\tREASON 原因")
	for _, c := range changes {
		decided := ""
		if c.Decided != nil {
			decided = who(*c.Decided)
		}
		version := ""
		if c.Version > 0 {
			version = strconv.FormatInt(c.Version, 10)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", c.Number, c.State, version, c.Hash, c.Rows, who(c.Imported), decided, c.Reason)
	}
	return w.Flush()
}

func who(a registry.Act) string { return a.Person + " " + a.At.Format(time.RFC3339) }

func (s *registrySettings) show(ctx context.Context, b *books.Books, args []string) error {
	kind, err := registry.ParseKind(args[0])
	if err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	day := ledger.Day(s.day)
	if day == 0 {
		day = ledger.DayOf(time.Now().In(s.zone.Location()))
	}
	rows, err := registry.NewStore(b.Pool()).Rows(ctx, kind, args[1])
	if err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	inForce, err := rowInForce(rows, day)
	if err != nil {
		return service.Exit(service.ExitUsage, err)
	}
	if len(rows) == 0 {
		return service.Fail(args[1]+" is not among the "+args[0]+" / 未登记", "check the number; only approved changes count", nil)
	}
	if s.asJSON {
		for i, r := range rows {
			shown := struct {
				Change  int64             `json:"change"`
				Version int64             `json:"version"`
				From    ledger.Day        `json:"effective_from"`
				InForce bool              `json:"in_force"`
				Row     map[string]string `json:"row"`
			}{r.Change, r.Version, r.From, i == inForce, r.Fields}
			if err := json.NewEncoder(os.Stdout).Encode(shown); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "IN FORCE 有效\tCHANGE 变更\t%s\n", strings.ToUpper(strings.Join(rows[0].Columns, "\t")))
	for i, r := range rows {
		mark := ""
		if i == inForce {
			mark = "*"
		}
		fmt.Fprintf(w, "%s\t%d", mark, r.Change)
		for _, column := range r.Columns {
			fmt.Fprintf(w, "\t%s", r.Fields[column])
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// rowInForce finds the row in force on a day, of a hotlist at its last second: the last that has
// begun, where it is not over. It is -1 where there is none.
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
