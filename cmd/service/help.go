package service

import (
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// help is the text that --help prints for a command; that of the whole program has the exit
// codes too.
func help(program string, c *ffcli.Command, whole bool) string {
	var b strings.Builder
	if c.ShortHelp != "" {
		fmt.Fprintf(&b, "%s\n\n", c.ShortHelp)
	}
	short := c.ShortUsage
	if short == "" {
		short = c.Name
	}
	fmt.Fprintf(&b, "Usage / 用法:\n  %s\n", short)
	if c.LongHelp != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.LongHelp))
	}
	table := tabwriter.NewWriter(&b, 0, 2, 3, ' ', 0)
	if len(c.Subcommands) > 0 {
		fmt.Fprintf(&b, "\nCommands / 命令:\n")
		for _, sub := range c.Subcommands {
			fmt.Fprintf(table, "  %s\t%s\n", sub.Name, sub.ShortHelp)
		}
		_ = table.Flush() // into a strings.Builder, which cannot fail
	}
	flags := 0
	c.FlagSet.VisitAll(func(f *flag.Flag) {
		if flags++; flags == 1 {
			fmt.Fprintf(&b, "\nFlags / 选项:\n")
		}
		value, text := flag.UnquoteUsage(f)
		left := "--" + f.Name
		if value != "" {
			left += " " + value
		}
		if f.DefValue != "" && f.DefValue != "false" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(table, "  %s\t%s\n", left, text)
	})
	_ = table.Flush() // into a strings.Builder, which cannot fail
	if flags > 0 {
		fmt.Fprintf(&b, "\nEvery flag can also be set in the environment as %s_FLAG_NAME", strings.ToUpper(program))
		if c.FlagSet.Lookup(configFlag) != nil {
			fmt.Fprintf(&b, "\nor as a line \"flag value\" in the file that --config names")
		}
		fmt.Fprintf(&b, ".\n")
	}
	if !whole {
		return b.String()
	}
	fmt.Fprintf(&b, "\nExit codes / 退出码:\n")
	for _, code := range Codes() {
		fmt.Fprintf(table, "  %d\t%s / %s\n", code.Number, code.Meaning, code.Chinese)
	}
	_ = table.Flush() // into a strings.Builder, which cannot fail
	return b.String()
}
